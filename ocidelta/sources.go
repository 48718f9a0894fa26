package ocidelta

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/sha256"
	"io"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/ocidelta/internal/tardiff"
)

// hiddenPrefix are files that hosts with ostree do not have at this place.
const hiddenPrefix = "sysroot/ostree/"

// content is a file of the base.
type content struct {
	sum   [sha256.Size]byte
	in    *spool.File // the tar of its layer
	off   int64
	size  int64
	names []string // of the file itself, then of hard links to it
	use   string   // the name by which a tar-diff may read it; empty if by none
}

func (c *content) bytes() ([]byte, error) {
	b := make([]byte, c.size)
	if _, err := c.in.ReadAt(b, c.off); err != nil && err != io.EOF {
		return nil, err
	}
	return b, nil
}

// sources are the files of a base as a container of it sees them.
type sources struct {
	tars   []*spool.File
	bySum  map[[sha256.Size]byte]*content
	byName map[string]*content
	byBase map[string][]*content // by the last element of the name
}

func (s *sources) Close() {
	for _, f := range s.tars {
		f.Close()
	}
}

// members calls visit for every member of a tar, with the place of its bytes.
func members(f *spool.File, visit func(h *tar.Header, name string, off int64) error) error {
	s := f.Section(0, f.Size())
	tr := tar.NewReader(s)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		off, err := s.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		if err := visit(h, tardiff.Clean(h.Name), off); err != nil {
			return err
		}
	}
}

// usable tells which files a tar-diff reads or replaces: regular ones that are
// not empty, have no holes, and that everybody may read.
func usable(h *tar.Header) bool {
	if h.Typeflag != tar.TypeReg || h.Size == 0 || h.Mode&0o004 == 0 {
		return false
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return false
		}
	}
	return true
}

// readSources spools the layers of a base and finds what is in them.
func readSources(ctx context.Context, dir *spool.Dir, base image.Image, progress func(i, n int)) (*sources, error) {
	s := &sources{bySum: map[[sha256.Size]byte]*content{}, byName: map[string]*content{}, byBase: map[string][]*content{}}
	merged := map[string]*content{} // nil for what is no usable file
	layers := base.Layers()
	for i, l := range layers {
		progress(i+1, len(layers))
		f, err := spoolLayer(ctx, dir, l)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.tars = append(s.tars, f)
		if err := addLayer(merged, f); err != nil {
			s.Close()
			return nil, err
		}
	}
	for name, c := range merged {
		if c == nil || strings.HasPrefix(name, hiddenPrefix) {
			continue
		}
		// The first of its names that is left, whatever the order of the map.
		if c.use == "" {
			for _, n := range c.names {
				if merged[n] == c && !strings.HasPrefix(n, hiddenPrefix) {
					c.use = n
					break
				}
			}
		}
		s.byName[name] = c
		if have := s.bySum[c.sum]; have == nil || c.use < have.use {
			s.bySum[c.sum] = c
		}
		if name == c.use {
			s.byBase[path.Base(name)] = append(s.byBase[path.Base(name)], c)
		}
	}
	s.sort()
	return s, nil
}

// sort brings the files of one name into the order in which resembling wants them.
func (s *sources) sort() {
	for _, list := range s.byBase {
		slices.SortFunc(list, func(a, b *content) int {
			return cmp.Or(cmp.Compare(a.size, b.size), strings.Compare(a.use, b.use))
		})
	}
}

// spoolLayer keeps the tar of a layer.
func spoolLayer(ctx context.Context, dir *spool.Dir, l image.Layer) (*spool.File, error) {
	f, err := dir.Create()
	if err != nil {
		return nil, err
	}
	rc, err := l.Plain(ctx)
	if err == nil {
		_, err = io.Copy(f, rc)
		rc.Close()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// addLayer lays a layer over those below.
func addLayer(merged map[string]*content, f *spool.File) error {
	here := map[string]*content{}
	hidden := whiteouts{}
	err := members(f, func(h *tar.Header, name string, off int64) error {
		switch {
		case hidden.add(name):
		case len(name) > tardiff.MaxName: // cannot be read by a tar-diff
		case h.Typeflag == tar.TypeLink:
			c := here[tardiff.Clean(h.Linkname)]
			if c != nil {
				c.names = append(c.names, name)
			}
			here[name] = c
		case h.Typeflag == tar.TypeDir:
		case usable(h):
			c := &content{in: f, off: off, size: h.Size, names: []string{name}}
			sum := sha256.New()
			if _, err := io.Copy(sum, f.Section(off, h.Size)); err != nil {
				return err
			}
			copy(c.sum[:], sum.Sum(nil))
			here[name] = c
		default:
			here[name] = nil
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(hidden) > 0 {
		for name := range merged {
			if hidden.hides(name) {
				delete(merged, name)
			}
		}
	}
	for name, c := range here {
		merged[name] = c
	}
	return nil
}

// resembling finds a file that may have become the one of this name and size:
// that of the same name, else the one in another place whose size is nearest.
func (s *sources) resembling(name string, size int64) *content {
	if c := s.byName[name]; c != nil && c.use != "" && near(c.size, size) {
		return c
	}
	// Only the next smaller and the next larger size count: there may be as many files
	// of one name as there are files.
	list := s.byBase[path.Base(name)]
	first := func(size int64) int { return sort.Search(len(list), func(i int) bool { return list[i].size >= size }) }
	var best *content
	at := first(size)
	if at < len(list) && near(list[at].size, size) {
		best = list[at]
	}
	if at > 0 {
		c := list[first(list[at-1].size)]
		if near(c.size, size) && (best == nil || distance(c.size, size) < distance(best.size, size) ||
			distance(c.size, size) == distance(best.size, size) && c.use < best.use) {
			best = c
		}
	}
	return best
}

func distance(a, b int64) int64 { return max(a-b, b-a) }

// near leaves out pairs like a program and the script that took its place.
func near(a, b int64) bool {
	const small = 64 << 10
	return a < small && b < small || a < 10*b && b < 10*a
}
