package main

import (
	"fmt"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// A tool makes and applies deltas, as one or several commands that run one
// after the other.
type tool struct {
	Name   string
	Label  string // as in the table: with the settings used
	ours   bool
	needs  []string // programs
	images bool     // also measured on whole images
	slow   bool     // left out of a quick run

	maxOld int64 // largest old file that it is run on, in bytes; 0: any

	prepare func(j job) [][]string // before applying, not measured
	create  func(j job) [][]string
	apply   func(j job) [][]string
	version []string // command that prints the version
}

// A job is one old and new file, and where the results go.
type job struct {
	Old, New   string
	Delta, Out string
	Tmp        string // directory for what lies between
	Image      bool   // Old and New are image archives, not layer tars
	oldSize    int64
}

// ours names our own program; the flag -ours sets it.
var ours = "docker-delta"

func tools(bsdiffMax, zstdMax int64) []tool {
	all := []tool{
		oursAt("fast"), oursAt("default"), oursAt("max"),
		{
			Name: "hdiffpatch", Label: "HDiffPatch -m-1, zstd 21", needs: []string{"hdiffz", "hpatchz"}, images: true,
			create: func(j job) [][]string {
				return [][]string{{"hdiffz", "-m-1", "-SD", "-d", "-f", "-c-zstd-21-24", j.Old, j.New, j.Delta}}
			},
			apply:   func(j job) [][]string { return [][]string{{"hpatchz", "-f", j.Old, j.Delta, j.Out}} },
			version: []string{"hdiffz", "-v"},
		},
		{
			Name: "tar-diff", Label: "tar-diff, zstd 19", needs: []string{"tar-diff", "tar-patch"}, slow: true,
			create: func(j job) [][]string {
				return [][]string{{"tar-diff", "-compression-level", "19", j.Old, j.New, j.Delta}}
			},
			prepare: func(j job) [][]string {
				dir := filepath.Join(j.Tmp, "extracted")
				return [][]string{{"rm", "-rf", dir}, {"mkdir", dir},
					{"tar", "-C", dir, "--no-same-owner", "--exclude=dev/*", "-xf", j.Old}}
			},
			apply: func(j job) [][]string {
				return [][]string{{"tar-patch", j.Delta, filepath.Join(j.Tmp, "extracted"), j.Out}}
			},
			version: []string{"tar-diff", "-version"},
		},
		{
			Name: "bsdiff", Label: "bsdiff", needs: []string{"bsdiff", "bspatch"}, maxOld: bsdiffMax, slow: true,
			create: func(j job) [][]string { return [][]string{{"bsdiff", j.Old, j.New, j.Delta}} },
			apply:  func(j job) [][]string { return [][]string{{"bspatch", j.Old, j.Out, j.Delta}} },
		},
		{
			Name: "xdelta3", Label: "xdelta3 -9", needs: []string{"xdelta3"}, images: true,
			create: func(j job) [][]string {
				return [][]string{{"xdelta3", "-e", "-9", "-f", "-B", fmt.Sprint(xdeltaWindow(j.oldSize)), "-s", j.Old, j.New, j.Delta}}
			},
			apply: func(j job) [][]string {
				return [][]string{{"xdelta3", "-d", "-f", "-B", fmt.Sprint(xdeltaWindow(j.oldSize)), "-s", j.Old, j.Delta, j.Out}}
			},
			version: []string{"xdelta3", "-V"},
		},
		zstdAt(19, zstdMax), zstdAt(3, 0),
		{
			Name: "librsync", Label: "librsync, zstd 19", needs: []string{"rdiff", "zstd"}, slow: true,
			create: func(j job) [][]string {
				sig, raw := filepath.Join(j.Tmp, "sig"), filepath.Join(j.Tmp, "rdiff")
				return [][]string{{"rdiff", "-f", "signature", j.Old, sig}, {"rdiff", "-f", "delta", sig, j.New, raw},
					{"zstd", "-q", "-f", "-19", "--long=27", raw, "-o", j.Delta}}
			},
			apply: func(j job) [][]string {
				raw := filepath.Join(j.Tmp, "rdiff")
				return [][]string{{"zstd", "-q", "-f", "-d", j.Delta, "-o", raw}, {"rdiff", "-f", "patch", j.Old, raw, j.Out}}
			},
			version: []string{"rdiff", "-V"},
		},
		{
			// No delta: what any apply costs at the least.
			Name: "copy", Label: "(read old, write and hash new)", images: true,
			apply: func(j job) [][]string {
				exe, _ := os.Executable()
				return [][]string{{exe, "copy", j.Old, j.New, j.Out}}
			},
		},
	}
	return all
}

func oursAt(level string) tool {
	return tool{
		Name: level, Label: "docker-delta " + level, ours: true, images: true,
		create: func(j job) [][]string {
			if j.Image {
				return [][]string{{ours, "create", "-q", "--level", level, j.Old, j.New, "-o", j.Delta}}
			}
			return [][]string{{ours, "file", "create", "-q", "--level", level, j.Old, j.New, "-o", j.Delta}}
		},
		apply: func(j job) [][]string {
			if j.Image {
				return [][]string{{ours, "apply", "-q", j.Delta, "--base", j.Old, "--to", "docker-archive:" + j.Out}}
			}
			return [][]string{{ours, "file", "apply", "-q", j.Old, j.Delta, "-o", j.Out}}
		},
	}
}

func zstdAt(level int, maxOld int64) tool {
	return tool{
		Name: fmt.Sprintf("zstd-%d", level), Label: fmt.Sprintf("zstd -%d --patch-from", level),
		needs: []string{"zstd"}, images: level < 9, slow: level > 9, maxOld: maxOld,
		create: func(j job) [][]string {
			return [][]string{{"zstd", "-q", "-f", fmt.Sprintf("-%d", level), "--long=31", "--patch-from=" + j.Old, j.New, "-o", j.Delta}}
		},
		apply: func(j job) [][]string {
			return [][]string{{"zstd", "-q", "-f", "-d", "--long=31", "--patch-from=" + j.Old, j.Delta, "-o", j.Out}}
		},
		version: []string{"zstd", "-V"},
	}
}

// xdeltaWindow is the smallest power of two that holds the old file, so that
// xdelta3 sees all of it; it takes no more than 2 GiB.
func xdeltaWindow(size int64) int64 {
	return 1 << min(31, max(20, bits.Len64(uint64(size))))
}

// missing names the first program of a tool that is not installed, or "".
func (t tool) missing() string {
	for _, p := range t.needs {
		if _, err := exec.LookPath(p); err != nil {
			return p
		}
	}
	return ""
}

var versionNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// versionOf gives the version that a tool reports, or "".
func (t tool) versionOf() string {
	if t.version == nil {
		return ""
	}
	out, _ := exec.Command(t.version[0], t.version[1:]...).CombinedOutput()
	return versionNumber.FindString(string(out))
}
