package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

// keyPair makes keys with minisign, without a password.
func keyPair(t *testing.T, dir, name string) (public, secret string) {
	t.Helper()
	public, secret = filepath.Join(dir, name+".pub"), filepath.Join(dir, name+".key")
	testrig.Run(t, "minisign", "-G", "-W", "-p", public, "-s", secret)
	return public, secret
}

// A delta that is signed in a registry, by every command that can, is pulled by a
// host that asks for it, and checked by minisign itself.
func TestSignInRegistry(t *testing.T) {
	repo := testrig.Registry(t) + "/app"
	dir := t.TempDir()
	public, secret := keyPair(t, dir, "release")
	other, _ := keyPair(t, dir, "other")
	ref1, _ := pushDemo(t, repo, 1)
	ref2, want := pushDemo(t, repo, 2)
	packed, base := filepath.Join(dir, "app.delta"), demoFile(t, dir, 1)
	pull := func(key, name string) (int, string) {
		t.Helper()
		out := filepath.Join(dir, name)
		code, _, errs := run(t, with(insecure, "pull", ref2, "--key", key, "--base", base, "--to", "oci:"+out)...)
		switch {
		case code == ExitOK && manifestDigest(t, "oci:"+out) != want:
			t.Errorf("%s is another image", name)
		case code != ExitOK:
			if _, err := os.Stat(out); err == nil {
				t.Errorf("%s was stored: %s", name, errs)
			}
		}
		return code, errs
	}
	if code, errs := pull(public, "a"); code != ExitSignature || !strings.Contains(errs, "a plain pull is not signed") {
		t.Errorf("%d: %s", code, errs)
	}
	mustRun(t, with(insecure, "create", "--level", "fast", "docker://"+ref1, "docker://"+ref2, "-o", packed, "--push", repo)...)
	if code, errs := pull(public, "b"); code != ExitSignature || !strings.Contains(errs, "there is no signature") {
		t.Errorf("%d: %s", code, errs)
	}
	stored := mustRun(t, with(insecure, "push", packed, repo+":delta")...)
	if out := mustRun(t, with(insecure, "sign", "docker://"+stored, "--key", secret)...); out != stored {
		t.Errorf("sign printed %q", out)
	}
	if code, errs := pull(public, "c"); code != ExitOK {
		t.Errorf("%d: %s", code, errs)
	}
	if code, errs := pull(other, "d"); code != ExitSignature {
		t.Errorf("%d: %s", code, errs)
	}

	// Elsewhere: the signature is the only layer of an artifact that refers to the
	// delta, and what it signs is the delta's manifest.
	manifest := filepath.Join(dir, "manifest.json")
	raw := testrig.Run(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+stored)
	if err := os.WriteFile(manifest, []byte(raw), 0o644); err != nil {
		t.Fatal(err)
	}
	_, id, _ := strings.Cut(stored, "@")
	var list struct {
		Manifests []struct{ Digest, ArtifactType string }
	}
	if err := json.Unmarshal([]byte(testrig.Run(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+repo+":"+strings.Replace(id, ":", "-", 1))), &list); err != nil || len(list.Manifests) != 1 {
		t.Fatalf("%v: %+v", err, list)
	}
	testrig.Run(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "docker://"+repo+"@"+list.Manifests[0].Digest, "dir:"+filepath.Join(dir, "sig"))
	found := false
	files, err := filepath.Glob(filepath.Join(dir, "sig", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(b), "untrusted comment: ") {
			found = true
			testrig.Run(t, "minisign", "-V", "-q", "-p", public, "-x", f, "-m", manifest)
		}
	}
	if !found {
		t.Errorf("no signature among %v", files)
	}

	// A signature made elsewhere is stored, and holds for the directory, too.
	layout := filepath.Join(dir, "layout")
	testrig.Run(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "docker://"+stored, "oci:"+layout)
	sig := layout + ".minisig"
	if code, _, errs := run(t, "verify", layout, "--key", public); code != ExitSignature || !strings.Contains(errs, "layout.minisig is not there") {
		t.Errorf("%d: %s", code, errs)
	}
	testrig.Run(t, "minisign", "-S", "-s", secret, "-x", sig, "-m", manifest, "-t", "from elsewhere")
	mustRun(t, "verify", layout, "--key", public)
	if code, _, errs := run(t, "verify", layout, "--key", other); code != ExitSignature {
		t.Errorf("%d: %s", code, errs)
	}
	mustRun(t, with(insecure, "sign", "docker://"+repo+":delta", "--attach", sig)...)
	mustRun(t, "sign", layout, "--key", secret)
	mustRun(t, "verify", layout, "--key", public)

	// In one go.
	second := testrig.Registry(t) + "/app"
	for v := 1; v <= 2; v++ {
		pushDemo(t, second, v)
	}
	for i, args := range [][]string{
		{"create", "--level", "fast", "docker://" + second + ":v1", "docker://" + second + ":v2", "--push", second, "--sign-key", secret},
		{"push", packed, repo + ":other", "--sign-key", secret, "--sign-comment", "by push"},
		{"publish", second + ":v2", "--from", "v1", "--sign-key", secret},
	} {
		out := mustRun(t, with(insecure, args...)...)
		if i == 2 && out == "" {
			t.Error("publish made nothing")
		}
	}
	code, _, errs := run(t, with(insecure, "pull", second+":v2", "--key", public, "--base", base, "--to", "oci:"+filepath.Join(dir, "e"))...)
	if code != ExitOK {
		t.Errorf("%d: %s", code, errs)
	}
	for _, args := range [][]string{
		{"sign", "docker://" + repo, "--key", secret},
		{"sign", packed, "--attach", sig},
		{"sign", "docker://" + stored, "--attach", sig, "--key", secret},
		{"sign", "docker://" + stored, "--key", secret, "--signature", "x"},
	} {
		if code, _, errs := run(t, with(insecure, args...)...); code != ExitUsage {
			t.Errorf("%v: %d: %s", args, code, errs)
		}
	}
	if code, _, errs := run(t, with(insecure, "sign", "docker://"+ref2, "--key", secret)...); code != ExitFailure || !strings.Contains(errs, "not a delta package") {
		t.Errorf("an image was signed: %d: %s", code, errs)
	}
}
