package report

import (
	"cmp"
	"fmt"
	"slices"
)

// leastCopy is the size in bytes from which on a second copy of a content
// counts.
const leastCopy = 1024

// copiesAdvice is about contents that are stored more than once: under the same
// path in several layers, because a later step touched them, or under several
// paths.
func (m *maker) copiesAdvice() {
	copies := make(map[sum][]*entry)
	for i, l := range m.target.layers {
		if m.number[l] != i+1 {
			continue // the same layer once more
		}
		for _, e := range l.entries {
			if e.kind == Regular && e.size >= leastCopy {
				copies[e.sum] = append(copies[e.sum], e)
			}
		}
	}
	files := make(map[*entry]*File)
	for _, f := range m.r.Files {
		if f.target != nil && f.Status != Hidden {
			files[f.target] = f
		}
	}
	var touched, duplicates []*File
	for _, same := range copies {
		paths := make(map[string]bool)
		for i, e := range same { // the lowest comes first
			f := files[e]
			if i > 0 && f != nil && !m.r.Layers[f.Layer-1].Shared {
				if paths[e.path] {
					touched = append(touched, f)
				} else {
					duplicates = append(duplicates, f)
				}
			}
			paths[e.path] = true
		}
	}
	byPath := func(a, b *File) int { return cmp.Compare(a.Path, b.Path) }
	slices.SortFunc(touched, byPath)
	slices.SortFunc(duplicates, byPath)
	m.give(about(Advice{ID: "copied-up",
		Found:  fmt.Sprintf("%s %s stored again in a higher layer with the same contents, because of another owner, mode or time.", plural(len(touched), "file"), are(len(touched))),
		Remedy: "Set owner and mode where the files come from (COPY --chown --chmod), not in a RUN of its own.",
	}, touched), touched)
	m.give(about(Advice{ID: "duplicates",
		Found:  fmt.Sprintf("%s of the pull %s stored under another path of the image, too.", plural(len(duplicates), "content"), are(len(duplicates))),
		Remedy: "Keep one copy, and link to it.",
	}, duplicates), duplicates)
}

// hiddenAdvice is about what nobody can see in the image.
func (m *maker) hiddenAdvice() {
	seen := make(map[string]*entry)
	for _, f := range m.all {
		if f.target != nil && f.Status != Hidden {
			seen[f.Path] = f.target
		}
	}
	files := m.pulled(func(f *File) bool {
		above := seen[f.Path]
		return f.Status == Hidden && (above == nil || above.sum != f.target.sum) // else it is copied up
	})
	m.give(about(Advice{ID: "hidden",
		Found:  fmt.Sprintf("%s %s in the image's layers and out of sight: a higher layer deletes or replaces what it has.", plural(len(files), "file"), are(len(files))),
		Remedy: "Delete files in the RUN that makes them, or make them in another stage and COPY only what is needed.",
	}, files), files)
}

// encoderAdvice is about compressed layers that are not simply compressed again.
func (m *maker) encoderAdvice() {
	const remedy = "Build with a tool whose compression is known (docs/recipes.md lists them), such as BuildKit with gzip, or push the image again with one."
	for _, l := range m.r.Layers {
		a := Advice{ID: "encoder", Layers: []int{l.Number}, Delta: float64(l.Recipe), Remedy: remedy}
		switch l.Encoding {
		case EncodingCarried:
			a.Found = fmt.Sprintf("What compressed layer %d is not known: the delta carries it as it is.", l.Number)
		case EncodingCorrected:
			a.Found = fmt.Sprintf("What compressed layer %d is not known: the delta corrects what a known program would have written.", l.Number)
		case EncodingLost:
			// This costs no bytes, and the manifest's digest.
			a.Found = fmt.Sprintf("What compressed layer %d is not known: it does not come back bit for bit, and the manifest gets another digest.", l.Number)
			m.r.Advice = append(m.r.Advice, a)
			continue
		default:
			continue
		}
		m.give(a, nil)
	}
}

// opaque are types of compressed files that a delta does not look into.
var opaque = map[string]bool{"xz": true, "bzip2": true, "zstd": true}

// wrappedAdvice is about compressed files in layers that could not be looked
// into, and so take as much as if they were all new.
func (m *maker) wrappedAdvice() {
	if m.r.Delta == nil {
		return
	}
	var wrapped, other []*File
	gzip := 0.0
	for _, f := range m.pulled(func(f *File) bool { return f.Delta > 0 }) {
		if n := m.wrapped[f]; n > 0 {
			gzip += n
			wrapped = append(wrapped, f)
		} else if opaque[f.Type] && f.base != nil {
			other = append(other, f)
		}
	}
	a := about(Advice{ID: "wrapped",
		Found:  fmt.Sprintf("The gzip data of %s was compressed in a way that is not known, so the delta cannot look into it.", plural(len(wrapped), "file")),
		Remedy: "Compress with gzip, zlib or Go, or leave the files uncompressed: the layer is compressed anyway.",
	}, wrapped)
	a.Pull, a.Delta = 0, gzip
	m.give(a, wrapped)
	a = about(Advice{ID: "opaque",
		Found:  fmt.Sprintf("%s %s compressed with xz, bzip2 or zstd, which a delta does not look into.", plural(len(other), "changed file"), are(len(other))),
		Remedy: "Leave the files uncompressed: the layer is compressed anyway. Or use gzip.",
	}, other)
	a.Pull = 0
	m.give(a, other)
}
