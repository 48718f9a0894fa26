package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

// A bundle for a site: built where all versions are, applied where only the old
// ones are, into the daemon; all images, and one of them.
func TestBundleIntoDaemon(t *testing.T) {
	stores(t, func(t *testing.T, d testrig.Daemon) {
		dir := t.TempDir()
		saved := func(name string) string {
			return filepath.Join(dir, strings.NewReplacer("/", "-", ":", "-").Replace(name)+".tar")
		}
		var names []string
		for i, tag := range []string{"a1", "b1", "a2", "b2"} {
			name := loadHello(t, d, tag, i+1)
			d.Command(t, "save", "-o", saved(name), name)
			names = append(names, name)
		}
		a1, b1, a2, b2 := names[0], names[1], names[2], names[3]
		site := filepath.Join(dir, "site.delta")
		mustRun(t, "-H", d.Host, "create", "--pair", a1+"="+a2, "--pair", b1+"="+saved(b2), "-o", site)
		d.Remove(t, a2, b2)

		got := mustRun(t, "-H", d.Host, "apply", site)
		if !strings.Contains(got, a2) || !strings.Contains(got, b2) {
			t.Errorf("apply printed %q", got)
		}
		for i, name := range []string{a2, b2} {
			if got := d.RunImage(t, name); got != testrig.Greeting(i+3) {
				t.Errorf("%s says %q", name, got)
			}
		}
		d.Remove(t, a2, b2)
		mustRun(t, "-H", d.Host, "apply", site, "--image", a2)
		if !d.Has(t, a2) || d.Has(t, b2) {
			t.Error("not the chosen image alone was loaded")
		}

		// One base is gone: what needs it is named, and nothing is loaded.
		d.Remove(t, a1, a2)
		code, _, errs := run(t, "-H", d.Host, "apply", site)
		if code != ExitBase || !strings.Contains(errs, a1) || d.Has(t, a2) || d.Has(t, b2) {
			t.Errorf("exit code %d: %s", code, errs)
		}
		mustRun(t, "-H", d.Host, "apply", site, "--base", saved(a1), "--base", b1)
		for i, name := range []string{a2, b2} {
			if got := d.RunImage(t, name); got != testrig.Greeting(i+3) {
				t.Errorf("%s says %q", name, got)
			}
		}
	})
}
