package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

// A locked registry speaks TLS with a certificate of its own and wants a password.
func lockedRegistries(t *testing.T, test func(t *testing.T, addr, certs string)) {
	t.Run("basic, tag schema", func(t *testing.T) {
		c := testrig.NewCertificate(t)
		test(t, testrig.LockedRegistry(t, c), c.Dir)
	})
	t.Run("tokens, referrers API", func(t *testing.T) {
		c := testrig.NewCertificate(t)
		inner := testrig.Forward(testrig.LockedReferrersRegistry(t, c), &c)
		test(t, testrig.Serve(t, testrig.Locked(inner), &c), c.Dir)
	})
}

// Publish, push, list and pull over TLS with credentials, as skopeo login leaves
// them; and what is said where one of these is missing.
func TestLockedRegistry(t *testing.T) {
	lockedRegistries(t, func(t *testing.T, addr, certs string) {
		dir := t.TempDir()
		t.Setenv("DOCKER_CONFIG", dir)
		t.Setenv("XDG_RUNTIME_DIR", dir)
		auth, repo := filepath.Join(dir, "auth.json"), addr+"/team/app"
		skopeo := func(args ...string) string { return testrig.Run(t, "skopeo", args...) }
		skopeo("login", "--cert-dir", certs, "--authfile", auth, "-u", testrig.User, "-p", testrig.Password, addr)
		base := demoFile(t, dir, 1)
		for v, file := range map[string]string{"v1": base, "v2": demoFile(t, dir, 2)} {
			skopeo("copy", "--quiet", "--dest-cert-dir", certs, "--authfile", auth, "oci-archive:"+file, "docker://"+repo+":"+v)
		}
		want := skopeo("inspect", "--cert-dir", certs, "--authfile", auth, "--format", "{{.Digest}}", "docker://"+repo+":v2")
		with := func(args ...string) []string { return append(args, "--cert-dir", certs, "--authfile", auth) }

		none := filepath.Join(dir, "none.json")
		if err := os.WriteFile(none, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		wrong := filepath.Join(dir, "wrong.json")
		text := `{"auths": {"` + addr + `": {"auth": "dXNlcjp3cm9uZw=="}}}`
		if err := os.WriteFile(wrong, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, flags := range map[string][]string{
			"no password":    {"--cert-dir", certs, "--authfile", none},
			"wrong password": {"--cert-dir", certs, "--authfile", wrong},
			"no certificate": {"--authfile", auth},
		} {
			for _, command := range [][]string{{"list", repo + ":v2"}, {"publish", repo + ":v2", "--last", "1"}, {"pull", repo + ":v2", "--base", base, "--to", filepath.Join(dir, "no")}} {
				hint := "log in with docker login"
				if name == "no certificate" {
					hint = "certificate"
				}
				code, _, errs := run(t, append(command, flags...)...)
				if code != ExitFailure || !strings.Contains(errs, hint) {
					t.Errorf("%s with %s: exit code %d: %s", command[0], name, code, errs)
				}
			}
		}

		packed := filepath.Join(dir, "d")
		mustRun(t, with("publish", repo+":v2", "--last", "1", "--level", "fast")...)
		mustRun(t, with("create", "--level", "fast", "docker://"+repo+":v2", "docker://"+repo+":v1", "-o", packed)...)
		mustRun(t, with("push", packed, repo)...)
		for _, v := range []string{"v1", "v2"} {
			if list := mustRun(t, with("list", repo+":"+v)...); strings.Count(list, "linux/amd64") != 1 {
				t.Errorf("%s: %s", v, list)
			}
		}
		out := "oci-archive:" + filepath.Join(dir, "out")
		code, _, errs := run(t, with("pull", repo+":v2", "--base", base, "--to", out, "--no-fallback")...)
		if code != ExitOK || !strings.Contains(errs, "1 delta from") || manifestDigest(t, out) != want {
			t.Errorf("%d: %s", code, errs)
		}
	})
}

// Signatures of cosign beside a delta harm nobody, and hold. (cosign takes long to
// build and no distribution of CI's has it: it is used where it is installed.)
func TestCosign(t *testing.T) {
	if _, err := exec.LookPath("cosign"); err != nil {
		t.Skip("needs cosign on the PATH")
	}
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			repo := server(t) + "/app"
			dir := t.TempDir()
			t.Chdir(dir)
			t.Setenv("COSIGN_PASSWORD", "")
			t.Setenv("COSIGN_EXPERIMENTAL", "1") // for its signatures as referrers
			pushDemo(t, repo, 1)
			ref, want := pushDemo(t, repo, 2)
			delta := mustRun(t, with(insecure, "publish", ref, "--last", "1", "--level", "fast")...)
			if !strings.HasPrefix(delta, "sha256:") {
				t.Fatalf("publish printed %q", delta)
			}
			delta = repo + "@" + delta
			testrig.Run(t, "cosign", "generate-key-pair")
			testrig.Run(t, "cosign", "generate-key-pair", "--output-key-prefix", "other")
			sign := []string{"sign", "-y", "--key", "cosign.key", "--tlog-upload=false", "--allow-insecure-registry", delta}
			testrig.Run(t, "cosign", sign...)
			testrig.Run(t, "cosign", append(sign, "--registry-referrers-mode=oci-1-1")...)
			verify := []string{"verify", "--insecure-ignore-tlog=true", "--allow-insecure-registry", delta, "--key"}
			testrig.Run(t, "cosign", append(verify, "cosign.pub")...)
			testrig.Run(t, "cosign", append(verify, "cosign.pub", "--experimental-oci11")...)
			if out, err := exec.Command("cosign", append(verify, "other.pub")...).CombinedOutput(); err == nil {
				t.Errorf("another key verifies: %s", out)
			}
			if list := mustRun(t, with(insecure, "list", ref)...); strings.Count(list, "linux/amd64") != 1 {
				t.Errorf("%s", list)
			}
			out := "oci-archive:" + filepath.Join(dir, "out")
			code, _, errs := run(t, with(insecure, "pull", ref, "--base", demoFile(t, dir, 1), "--to", out, "--no-fallback")...)
			if code != ExitOK || manifestDigest(t, out) != want {
				t.Errorf("%d: %s", code, errs)
			}
			if out := mustRun(t, with(insecure, "publish", ref, "--last", "1", "--format", "json")...); !strings.Contains(out, `"exists"`) {
				t.Errorf("%s", out)
			}
		})
	}
}
