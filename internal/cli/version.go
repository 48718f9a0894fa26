package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/docker-delta/docker-delta/format"
)

// release is the version that a release build names:
// -ldflags "-X github.com/docker-delta/docker-delta/internal/cli.release=v1.2.3".
var release string

// version is that of the release or the module, and of the commit it was built
// from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := release
	if v == "" {
		v = info.Main.Version
	}
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	if rev := setting(info, "vcs.revision"); release == "" && len(rev) >= 12 && !strings.Contains(v, rev[:12]) {
		v += "+" + rev[:12]
	}
	return v
}

// buildInfo is what --version prints: the version, and a line for each thing that
// matters in a report of an error.
func buildInfo() string {
	var b strings.Builder
	b.WriteString(version())
	if info, ok := debug.ReadBuildInfo(); ok {
		if rev := setting(info, "vcs.revision"); rev != "" {
			changed := ""
			if setting(info, "vcs.modified") == "true" {
				changed = ", with changes"
			}
			fmt.Fprintf(&b, "\ncommit   %s of %s%s", rev, setting(info, "vcs.time"), changed)
		}
	}
	fmt.Fprintf(&b, "\nbuilt    with %s for %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(&b, "\nformat   %d\n", format.Version)
	return b.String()
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
