//go:build unix

package atomicfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

// A link that another user has put into /tmp does not make us overwrite what it
// leads to.
func TestPlantedLink(t *testing.T) {
	if os.Geteuid() != 0 {
		testrig.Missing(t, "giving a link to another user needs root")
		return
	}
	home, shared := t.TempDir(), t.TempDir()
	if err := os.Chmod(shared, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	ours, link := filepath.Join(home, "ours"), filepath.Join(shared, "app.delta")
	for _, c := range []struct {
		name    string
		owner   int
		planted bool
	}{{"of another user", 65534, true}, {"our own", 0, false}} {
		os.Remove(link)
		if err := os.WriteFile(ours, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(ours, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Lchown(link, c.owner, c.owner); err != nil {
			t.Fatal(err)
		}
		if err := WriteFile(link, []byte("delta")); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		want := "delta"
		if c.planted {
			want = "precious"
		}
		if b, err := os.ReadFile(ours); err != nil || string(b) != want {
			t.Errorf("%s: the file that the link leads to has %q, %v", c.name, b, err)
		}
		if st, err := os.Lstat(link); err != nil || st.Mode().IsRegular() != c.planted {
			t.Errorf("%s: %v, %v", c.name, st.Mode(), err)
		}
		if b, err := os.ReadFile(link); err != nil || string(b) != "delta" {
			t.Errorf("%s: the result is %q, %v", c.name, b, err)
		}
	}
}
