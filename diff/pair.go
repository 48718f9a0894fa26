package diff

import "github.com/docker-delta/docker-delta/diff/internal/match"

// Run is a copy of Len bytes of an old text from Old on, of which some may
// differ, and Lit bytes behind it that resemble nothing.
type Run struct{ Len, Old, Lit int }

// MaxPair is the size, in bytes, of the largest texts that Pair takes.
const MaxPair = maxOld

// Pair matches one text against another, for formats of delta that are not this
// package's. The runs cover all of new.
func Pair(old, new []byte) []Run {
	opt := match.Options{}
	switch {
	case len(old) >= hugeOld:
		opt.Step = 4
	case len(old) >= largeOld:
		opt.Step = 2
	}
	var runs []Run
	for _, o := range match.Match(old, new, opt) {
		runs = append(runs, Run(o))
	}
	return runs
}
