package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

// Versions that no other test loads: a base is found by its layers under any name.
const (
	bundleVersion = 101
	stepsVersion  = 201
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
			name := loadHello(t, d, tag, bundleVersion+i)
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
			if got := d.RunImage(t, name); got != testrig.Greeting(bundleVersion+2+i) {
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
			if got := d.RunImage(t, name); got != testrig.Greeting(bundleVersion+2+i) {
				t.Errorf("%s says %q", name, got)
			}
		}
	})
}

// A delta for any of two versions, and one joined of two, in a daemon that has the
// first version alone, or the second.
func TestStepsInDaemon(t *testing.T) {
	stores(t, func(t *testing.T, d testrig.Daemon) {
		dir := t.TempDir()
		packed := func(name string) string { return filepath.Join(dir, name) }
		var names []string
		for i, tag := range []string{"s1", "s2", "s3"} {
			names = append(names, loadHello(t, d, tag, stepsVersion+i))
		}
		for _, name := range names[:2] { // built again, they would have other times
			d.Command(t, "save", "-o", packed(name[len(name)-2:]), name)
		}
		mustRun(t, "-H", d.Host, "create", "--level", "fast", names[0], names[1], "-o", packed("12"))
		mustRun(t, "-H", d.Host, "create", "--level", "fast", names[1], names[2], "-o", packed("23"))
		mustRun(t, "compose", packed("12"), packed("23"), "-o", packed("joined"))
		mustRun(t, "-H", d.Host, "create", "--level", "fast", "--base", names[0], "--base", names[1], names[2], "-o", packed("any"))
		d.Remove(t, names[1], names[2])
		for _, delta := range []string{"joined", "any"} {
			for _, held := range names[:2] {
				if got := mustRun(t, "-H", d.Host, "apply", packed(delta)); !strings.Contains(got, names[2]) {
					t.Errorf("%s from %s printed %q", delta, held, got)
				}
				if got := d.RunImage(t, names[2]); got != testrig.Greeting(stepsVersion+2) {
					t.Errorf("%s from %s: the image says %q", delta, held, got)
				}
				d.Remove(t, names[2])
				if held == names[0] { // now the second alone
					d.Command(t, "load", "-i", packed("s2"))
					d.Remove(t, names[0])
				}
			}
			d.Command(t, "load", "-i", packed("s1"))
			d.Remove(t, names[1])
		}
		d.Remove(t, names[0])
		if code, _, errs := run(t, "-H", d.Host, "apply", packed("any")); code != ExitBase || !strings.Contains(errs, names[0]) || !strings.Contains(errs, names[1]) {
			t.Errorf("exit code %d: %s", code, errs)
		}
	})
}
