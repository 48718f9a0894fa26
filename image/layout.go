package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker/reference"

	"github.com/docker-delta/docker-delta/image/internal/tree"
)

// containerdNameAnnotation is where docker and containerd write full names; the
// standard annotation often has the tag alone.
const containerdNameAnnotation = "io.containerd.image.name"

// layout is what the known files of an archive or directory say.
type layout struct {
	store  *treeStore
	oci    *document // index.json, or dir:'s manifest.json
	docker *document // docker's manifest.json
	isDir  bool      // oci came from the manifest.json of a dir: layout
	// candidates are the images to choose from.
	candidates []candidate
}

// candidate is one image, or one multi-platform image, of a layout.
type candidate struct {
	names []string // as written there
	desc  *ocispec.Descriptor
	entry *dockerEntry
}

func (c *candidate) join(names []string) {
	for _, n := range names {
		if !slices.Contains(c.names, n) {
			c.names = append(c.names, n)
		}
	}
}

// readLayout looks for the files that an image archive has. root, if not nil, is
// used in their place.
func readLayout(name string, t tree.Tree, root *document, opt *Options) (*layout, error) {
	l := &layout{store: &treeStore{name: name, tree: t}}
	docs := map[string]*document{}
	if root != nil {
		at := "manifest.json"
		if raw, err := tree.ReadFile(t, "index.json", maxJSON); err == nil && bytes.Equal(raw, root.raw) {
			at = "index.json"
		}
		docs[at] = root
	} else {
		for _, file := range []string{"index.json", "manifest.json"} {
			raw, err := tree.ReadFile(t, file, maxJSON)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if docs[file], err = parseDocument(raw); err != nil {
				return nil, fmt.Errorf("%s in %s: %w", file, name, err)
			}
		}
	}
	for _, file := range []string{"index.json", "manifest.json"} {
		d := docs[file]
		if d == nil {
			continue
		}
		opt.debugf("%s: %s is %s", name, file, d.kind)
		switch {
		case d.kind == docDocker && l.docker == nil:
			l.docker = d
		case (d.kind == docIndex || d.kind == docManifest) && l.oci == nil:
			l.oci, l.isDir = d, file == "manifest.json"
		case d.kind == docSchema1:
			return nil, fmt.Errorf("%w: %s is %s, which has no image config", ErrNotImage, file, d.kind)
		}
	}
	if l.oci == nil && l.docker == nil {
		return nil, notLayout(name, t, docs)
	}
	return l, nil
}

func notLayout(name string, t tree.Tree, docs map[string]*document) error {
	names := t.Names(5)
	found := "nothing"
	if len(names) > 0 {
		found = strings.Join(names, ", ")
	}
	err := fmt.Errorf("%w: %s has no index.json or manifest.json of an image; found %s", ErrNotImage, name, found)
	for _, file := range []string{"index.json", "manifest.json"} {
		if docs[file] != nil {
			err = fmt.Errorf("%w: %s in %s is %s, expected an index, an image manifest or docker's manifest.json", ErrNotImage, file, name, docs[file].kind)
		}
	}
	if f, e := t.Open("repositories"); e == nil {
		f.Close()
		return hint(err, "it was saved by a docker older than 1.10; docker load it there and save it with a newer one")
	}
	return hint(err, "expected the output of docker save, an OCI layout or a skopeo dir")
}

// collect fills the candidates. want narrows them to one format.
func (l *layout) collect(ctx context.Context, want Transport, opt *Options) error {
	useOCI := l.oci != nil && (want != DockerArchive || l.docker != nil)
	useDocker := l.docker != nil && want != OCIArchive && want != OCILayout && want != Dir
	if !useOCI && !useDocker {
		found := "docker's manifest.json"
		if l.docker == nil {
			found = "an OCI layout or manifest"
		}
		return hint(fmt.Errorf("%s holds %s, expected what %s: has", l.store.name, found, want), "leave the prefix away, and the content decides")
	}
	var oci []candidate
	if useOCI {
		oci = l.ociCandidates()
	}
	if !useDocker {
		l.candidates = oci
		return nil
	}
	// Docker's entries are joined with the OCI manifest of the same config, which
	// goes first because it may come with compressed blobs.
	configs := make([][]string, len(oci))
	for i, c := range oci {
		configs[i] = l.configsUnder(ctx, *c.desc, opt)
	}
	used := make(map[int]int) // from oci to candidates
	for i := range l.docker.docker {
		e := &l.docker.docker[i]
		c := candidate{names: e.RepoTags, entry: e}
		id := configDigestOf(l.store, e)
		j := slices.IndexFunc(configs, func(ids []string) bool { return id != "" && slices.Contains(ids, id) })
		if at, ok := used[j]; ok { // another platform of the same index
			l.candidates[at].join(c.names)
			l.candidates[at].entry = nil
			continue
		}
		if j >= 0 {
			c.desc, used[j] = oci[j].desc, len(l.candidates)
			c.names = nil
			c.join(e.RepoTags)
			for _, n := range oci[j].names {
				if _, full := imageName(n); full {
					c.join([]string{n})
				}
			}
		}
		l.candidates = append(l.candidates, c)
	}
	for j, c := range oci {
		if _, ok := used[j]; !ok {
			l.candidates = append(l.candidates, c)
		}
	}
	return nil
}

// ociCandidates groups the table of contents: entries of one digest are one
// image with several names, and entries that share a name, or have none, and
// differ in their platform are one image too.
func (l *layout) ociCandidates() []candidate {
	self := l.oci.descriptor()
	if l.oci.kind == docManifest || l.isDir {
		return []candidate{{desc: &self}}
	}
	var out []candidate
	for i := range l.oci.index {
		d := &l.oci.index[i]
		if isUnknown(d.Platform) || d.Annotations["vnd.docker.reference.type"] != "" {
			continue
		}
		var names []string
		for _, k := range []string{containerdNameAnnotation, ocispec.AnnotationRefName} {
			if n := d.Annotations[k]; n != "" && !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
		at := slices.IndexFunc(out, func(c candidate) bool { return c.desc.Digest == d.Digest })
		if at < 0 {
			out = append(out, candidate{desc: d})
			at = len(out) - 1
		}
		out[at].join(names)
	}
	if len(out) > 1 && l.isOneImage(out) {
		return []candidate{{names: out[0].names, desc: &self}}
	}
	return out
}

// isOneImage reports a table of contents that is itself a multi-platform index.
func (l *layout) isOneImage(cs []candidate) bool {
	var seen []string
	for _, c := range cs {
		if c.desc.Platform == nil || !slices.Equal(c.names, cs[0].names) {
			return false
		}
		p := FormatPlatform(normalize(*c.desc.Platform)) + " " + c.desc.Platform.OSVersion
		if slices.Contains(seen, p) {
			return false
		}
		seen = append(seen, p)
	}
	return true
}

// configsUnder lists the configs of the manifests under desc, as far as they can
// be read.
func (l *layout) configsUnder(ctx context.Context, desc ocispec.Descriptor, opt *Options) []string {
	w := l.walker(opt)
	if err := w.walk(ctx, desc); err != nil {
		opt.debugf("%s: %v", l.store.name, err)
		return nil
	}
	var out []string
	for _, leaf := range w.leaves {
		if d, err := w.read(ctx, leaf.desc); err == nil {
			out = append(out, d.manifest.Config.Digest.String())
		}
	}
	return out
}

func (l *layout) walker(opt *Options) *walker {
	w := &walker{store: l.store, opt: opt, docs: map[string]*document{}}
	// The table of contents is no blob of the layout, so it is put here.
	self := l.oci.descriptor().Digest
	w.docs[self.String()] = l.oci
	if !l.isDir {
		w.toc = self
	}
	return w
}

// find selects one candidate.
func (l *layout) find(sel string) (candidate, error) {
	list := func() string {
		var out []string
		for i, c := range l.candidates {
			name := "(no name)"
			if len(c.names) > 0 {
				name = strings.Join(c.names, ", ")
			}
			out = append(out, fmt.Sprintf("@%d %s", i, name))
		}
		return strings.Join(out[:min(len(out), 50)], "; ")
	}
	fail := func(format string, args ...any) (candidate, error) {
		return candidate{}, hint(fmt.Errorf(format, args...), "it holds: %s", list())
	}
	switch n := len(l.candidates); {
	case n == 0:
		return candidate{}, fmt.Errorf("%w: %s lists no image", ErrNotImage, l.store.name)
	case sel == "" && n == 1:
		return l.candidates[0], nil
	case sel == "":
		return fail("%s holds %d images, and one has to be chosen, as in %s:NAME:TAG or %s:@0", l.store.name, n, l.store.name, l.store.name)
	case strings.HasPrefix(sel, "@sha256:"), strings.HasPrefix(sel, "@sha512:"):
		for _, c := range l.candidates {
			if c.desc != nil && c.desc.Digest.String() == sel[1:] || c.entry != nil && configDigestOf(l.store, c.entry) == sel[1:] {
				return c, nil
			}
		}
		return fail("%s has no image %s (%w)", l.store.name, sel[1:], ErrNotFound)
	case sel[0] == '@':
		i, err := strconv.Atoi(sel[1:])
		if err != nil || i < 0 || i >= n {
			return fail("%s has no image number %s (%w)", l.store.name, sel[1:], ErrNotFound)
		}
		return l.candidates[i], nil
	}
	for _, c := range l.candidates {
		if slices.Contains(c.names, sel) {
			return c, nil
		}
	}
	full := sel
	if n, err := reference.ParseNormalizedNamed(sel); err == nil {
		full = reference.TagNameOnly(n).String()
	}
	for _, c := range l.candidates {
		for _, n := range c.names {
			if norm, ok := imageName(n); ok && norm == full {
				return c, nil
			}
		}
	}
	return fail("%s has no image %q (%w)", l.store.name, truncate(sel, 300), ErrNotFound)
}
