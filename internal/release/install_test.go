package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

// make install puts the plugin where it is told to, and says what is to be done where
// docker would not find it; make uninstall takes all of it away.
func TestInstall(t *testing.T) {
	bin := t.TempDir()
	if err := os.Mkdir(filepath.Join(bin, "man"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(bin, "man"), "docker-delta.1", "docker-delta-apply.1")
	if err := os.WriteFile(filepath.Join(bin, "docker-delta"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		vars   []string
		plugin string
		found  bool
	}{
		"default":   {nil, "/usr/local/lib/docker/cli-plugins", true},
		"elsewhere": {[]string{"PREFIX=/opt/delta"}, "/opt/delta/lib/docker/cli-plugins", false},
		"apart":     {[]string{"PREFIX=/opt/delta", "PLUGINDIR=/usr/libexec/docker/cli-plugins"}, "/usr/libexec/docker/cli-plugins", true},
	} {
		dest := t.TempDir()
		vars := append([]string{"-C", "../..", "BIN=" + bin, "DESTDIR=" + dest}, c.vars...)
		out := testrig.Run(t, "make", append(vars, "install")...)
		link, err := os.Readlink(filepath.Join(dest, c.plugin, "docker-delta"))
		if _, serr := os.Stat(filepath.Join(dest, link)); err != nil || serr != nil {
			t.Errorf("%s: the plugin is a link to %q: %v, %v", name, link, err, serr)
		}
		if !strings.Contains(out, "the plugin "+c.plugin+"/docker-delta") || strings.Contains(out, "make install-plugin") == c.found {
			t.Errorf("%s: make says %s", name, out)
		}
		testrig.Run(t, "make", append(vars, "uninstall")...)
		err = filepath.WalkDir(dest, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				t.Errorf("%s: uninstall leaves %s", name, path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
