package cli

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

// insecure are the flags for the registries of these tests.
var insecure = []string{"--tls-verify=false"}

func with(args []string, more ...string) []string {
	return append(append([]string{}, args...), more...)
}

// pushDemo stores a version of the demo image in a registry, exactly.
func pushDemo(t *testing.T, repo string, version int) (ref, manifest string) {
	t.Helper()
	ref = repo + ":v" + string(rune('0'+version))
	testrig.Run(t, "skopeo", "copy", "--quiet", "--dest-tls-verify=false", "oci-archive:"+demoFile(t, t.TempDir(), version), "docker://"+ref)
	return ref, manifestDigest(t, "docker://"+ref)
}

// A host with v1 runs one command and has v2 under its tag, by a delta; the same
// when the delta is gone, by a full pull.
func TestPullIntoDaemon(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			stores(t, func(t *testing.T, d testrig.Daemon) {
				// Every server and every store, if not each with each.
				if testing.Short() && (d == testrig.Docker(t)) != (name == "tag schema") {
					t.Skip("shortened")
				}
				pullIntoDaemon(t, d, server(t))
			})
		})
	}
}

// servers are real ones, of both kinds.
var servers = map[string]func(testing.TB) string{"referrers API": testrig.ReferrersRegistry, "tag schema": testrig.Registry}

func pullIntoDaemon(t *testing.T, d testrig.Daemon, server string) {
	repo := server + "/docker-delta-test/app"
	dir := t.TempDir()
	for v := 1; v <= 3; v++ {
		tag := "v" + string(rune('0'+v))
		img := testrig.HelloImage(t, repo+":"+tag, v)
		file := filepath.Join(dir, tag+".tar")
		img.SaveDockerArchive(t, file)
		testrig.Run(t, "skopeo", "copy", "--quiet", "--dest-tls-verify=false", "docker-archive:"+file, "docker://"+repo+":"+tag)
	}
	want := manifestDigest(t, "docker://"+repo+":v2")
	d.Remove(t, repo+":v1", repo+":v2")
	docker := func(args ...string) []string { return with(insecure, append([]string{"-H", d.Host}, args...)...) }

	if out := mustRun(t, docker("pull", repo+":v1")...); !strings.HasPrefix(out, repo+"@sha256:") {
		t.Errorf("pull printed %q", out)
	}
	if got := d.RunImage(t, repo+":v1"); got != testrig.Greeting(1) {
		t.Errorf("v1 says %q", got)
	}
	if code, _, errs := run(t, docker("publish", repo+":v2", "--last", "2", "--level", "fast")...); code != ExitOK || !strings.Contains(errs, "from v1, ") {
		t.Fatalf("%d: %s", code, errs)
	}
	if out := mustRun(t, docker("pull", repo+":v2", "--dry-run")...); !strings.Contains(out, "1 delta from "+repo+":v1") {
		t.Errorf("the plan: %s", out)
	}
	if d.Has(t, repo+":v2") {
		t.Fatal("a dry run did it")
	}
	code, out, errs := run(t, docker("pull", repo+":v2", "--no-fallback")...)
	if code != ExitOK || strings.TrimSpace(out) != repo+"@"+want {
		t.Fatalf("%d: %s%s", code, out, errs)
	}
	t.Log(errs)
	if got := d.RunImage(t, repo+":v2"); got != testrig.Greeting(2) {
		t.Errorf("v2 says %q", got)
	}
	if code, _, errs := run(t, docker("pull", repo+":v2", "--tag", repo+":other")...); code != ExitOK || !strings.Contains(errs, "the image was here") {
		t.Errorf("%d: %s", code, errs)
	}
	if !d.Has(t, repo+":other") {
		t.Error("it has no other name")
	}
	d.Remove(t, repo+":other")
	if d.Host == os.Getenv("DOCKER_DELTA_TEST_DOCKER_CONTAINERD") { // its IDs are digests of manifests
		if got := d.Command(t, "image", "inspect", "--format", "{{.Id}}", repo+":v2"); got != want {
			t.Errorf("the daemon has %s, the registry %s", got, want)
		}
	}
	// Two versions behind: a chain of deltas.
	mustRun(t, docker("publish", repo+":v3", "--from", "v2", "--level", "fast")...)
	d.Remove(t, repo+":v2")
	code, out, errs = run(t, docker("pull", repo+":v3", "--no-fallback")...)
	if code != ExitOK || !strings.Contains(errs, "2 deltas from "+repo+":v1") || !strings.HasSuffix(strings.TrimSpace(out), manifestDigest(t, "docker://"+repo+":v3")) {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	t.Log(errs)
	if got := d.RunImage(t, repo+":v3"); got != testrig.Greeting(3) {
		t.Errorf("v3 says %q", got)
	}
	d.Remove(t, repo+":v3")
	// The delta is broken: a blob of it is lost.
	d.Remove(t, repo+":v2", repo+":v3")
	var listed []struct{ Digest string }
	if err := json.Unmarshal([]byte(mustRun(t, docker("list", repo+":v2", "--format", "json")...)), &listed); err != nil || len(listed) != 1 {
		t.Fatal(listed, err)
	}
	removeBlob(t, server, "docker-delta-test/app", listed[0].Digest)
	code, out, errs = run(t, docker("pull", repo+":v2")...)
	if code != ExitOK || strings.TrimSpace(out) != repo+"@"+want || !strings.Contains(errs, "warning: ") || !strings.Contains(errs, "pulling it whole") {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	if got := d.RunImage(t, repo+":v2"); got != testrig.Greeting(2) {
		t.Errorf("v2 says %q", got)
	}
}

// removeBlob takes the last blob of an artifact out of a registry.
func removeBlob(t *testing.T, server, name, manifest string) {
	t.Helper()
	var m struct{ Layers []struct{ Digest string } }
	raw := testrig.Run(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+server+"/"+name+"@"+manifest)
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		t.Fatal(err)
	}
	q, err := http.NewRequest(http.MethodDelete, "http://"+server+"/v2/"+name+"/blobs/"+m.Layers[len(m.Layers)-1].Digest, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("removing a blob: %s", resp.Status)
	}
}

// From file to registry to file, by the commands.
func TestPushListPull(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) { pushListPull(t, server(t)+"/app") })
	}
}

func pushListPull(t *testing.T, repo string) {
	dir := t.TempDir()
	ref1, _ := pushDemo(t, repo, 1)
	ref2, want := pushDemo(t, repo, 2)
	packed, base := filepath.Join(dir, "d"), demoFile(t, dir, 1)
	empty := func(when string) {
		t.Helper()
		if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
			t.Errorf("%s left %v", when, left)
		}
	}
	t.Setenv("TMPDIR", t.TempDir())
	mustRun(t, with(insecure, "create", "--level", "fast", "docker://"+ref1, "docker://"+ref2, "-o", packed)...)
	manifest := mustRun(t, "inspect", packed, "--format", "{{.Manifest}}")
	for _, to := range []string{repo, repo + ":v1-v2"} {
		if out := mustRun(t, with(insecure, "push", packed, to)...); out != repo+"@"+manifest {
			t.Errorf("push printed %q", out)
		}
	}
	raw := testrig.Run(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+repo+":v1-v2")
	if got := testrig.Digest([]byte(raw)); got != manifest {
		t.Errorf("the registry has %s, the package is %s", got, manifest)
	}
	list := mustRun(t, with(insecure, "list", ref2)...)
	for _, part := range []string{"FROM", ref1, "linux/amd64", manifest, "%"} {
		if !strings.Contains(list, part) {
			t.Errorf("the list lacks %q:\n%s", part, list)
		}
	}
	// create --push, in one go; the bytes are the same, so nothing is stored twice.
	if out := mustRun(t, with(insecure, "create", "--level", "fast", "docker://"+ref1, "docker://"+ref2, "--push", repo)...); out != repo+"@"+manifest {
		t.Errorf("create --push printed %q, the package is %s", out, manifest)
	}
	empty("create --push")
	if list := mustRun(t, with(insecure, "list", "--format", "json", ref2)...); strings.Count(list, `"digest"`) != 1 {
		t.Errorf("%s", list)
	}
	out := "oci-archive:" + filepath.Join(dir, "out")
	code, _, errs := run(t, with(insecure, "pull", ref2, "--base", base, "--to", out, "--no-fallback")...)
	if code != ExitOK || !strings.Contains(errs, "where a plain pull takes") {
		t.Fatalf("%d: %s", code, errs)
	}
	t.Log(errs)
	empty("pull")
	if got := manifestDigest(t, out); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if out := mustRun(t, with(insecure, "publish", ref2, "--from", "v1", "--format", "json")...); !strings.Contains(out, `"exists"`) {
		t.Errorf("%s", out)
	}
}

func TestRegistryUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		text string
	}{
		{[]string{"publish", "localhost:1/app:v1"}, "--from TAG or --last N"},
		{[]string{"publish", "localhost:1/app:v1", "--last", "-1"}, "--last"},
		{[]string{"publish", "localhost:1/app:v1", "--last", "1", "--max-percent", "0"}, "--max-percent"},
		{[]string{"publish", "localhost:1/app:v1", "--last", "1", "--format", "x"}, "text or json"},
		{[]string{"list", "localhost:1/app:v1", "--format", "x"}, "text or json"},
		{[]string{"list"}, "give one IMAGE"},
		{[]string{"pull", "localhost:1/app:v1", "--retry-times", "-1"}, "--retry-times"},
		{[]string{"pull", "localhost:1/app:v1", "--tag", "A B"}, "--tag"},
		{[]string{"pull", "localhost:1/app:v1", "--to", "-"}, "name a file"},
		{[]string{"pull", "localhost:1/app:v1", "--to", "oci-archive:-"}, "name a file"},
		{[]string{"create", "a", "b", "--push", "localhost:1/app", "-o", "-"}, "standard output"},
		{[]string{"create", "a", "b"}, "--push"},
	} {
		if c.args[0] == "create" && len(c.args) > 3 {
			v1 := demoFile(t, t.TempDir(), 1)
			c.args[1], c.args[2] = v1, v1
		}
		code, _, errs := run(t, c.args...)
		if code != ExitUsage || !strings.Contains(errs, c.text) {
			t.Errorf("%v: exit code %d: %s", c.args, code, errs)
		}
	}
}

// What a registry says of deltas reaches a terminal as text only.
func TestPrintable(t *testing.T) {
	if got := printable("a\x1b[2Jb\u009bc\nd\u202ee"); got != "a?[2Jb?c?d?e" {
		t.Errorf("%q", got)
	}
}
