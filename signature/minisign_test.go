package signature

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

// minisign runs the program itself.
func minisign(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	c := exec.Command("minisign", args...)
	c.Stdin = strings.NewReader(stdin)
	b, err := c.CombinedOutput()
	return string(b), err
}

func need(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("minisign"); err != nil {
		testrig.Missing(t, "minisign: %v", err)
	}
}

// What minisign signs is accepted here, and the other way round.
func TestWithMinisign(t *testing.T) {
	need(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	keys := []struct{ name, password string }{{"plain", ""}}
	if !testing.Short() { // a gigabyte and seconds for the key's password
		keys = append(keys, struct{ name, password string }{"encrypted", "open sesame"})
	}
	for _, key := range keys {
		t.Run(key.name, func(t *testing.T) {
			pub, secret, file := at(key.name+".pub"), at(key.name+".key"), at(key.name)
			stdin := strings.Repeat(key.password+"\n", 2)
			flags := []string{"-W"}
			if key.password != "" {
				flags = nil
			}
			if out, err := minisign(t, stdin, append([]string{"-G", "-p", pub, "-s", secret}, flags...)...); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			b := noise(6, 100000)
			if err := os.WriteFile(file, b, 0o644); err != nil {
				t.Fatal(err)
			}
			k, err := ReadPublicKey(pub)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := minisign(t, stdin, "-S", "-s", secret, "-m", file, "-t", "from minisign"); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			text, err := Read(file + Suffix)
			if err != nil {
				t.Fatal(err)
			}
			if f, err := check(b, text, k); err != nil || f.Comment != "from minisign" {
				t.Errorf("%v\n%s", err, text)
			}
			s, err := ReadSecretKey(secret, func() ([]byte, error) { return []byte(key.password), nil })
			if err != nil || s.Public() != k {
				t.Fatalf("%v", err)
			}
			text = sign(t, s, b, "from here")
			if err := os.WriteFile(file+Suffix, text, 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := minisign(t, "", "-V", "-p", pub, "-m", file); err != nil || !strings.Contains(out, "Trusted comment: from here") {
				t.Errorf("%v: %s", err, out)
			}
			if out, err := minisign(t, "", "-V", "-P", k.String(), "-m", file); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			text = bytes.Replace(text, []byte("from here"), []byte("from me"), 1)
			if err := os.WriteFile(file+Suffix, text, 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := minisign(t, "", "-V", "-p", pub, "-m", file); err == nil {
				t.Errorf("minisign accepts another comment: %s", out)
			}
		})
	}
}
