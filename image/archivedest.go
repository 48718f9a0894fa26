package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/internal/atomicfile"
)

// archiveSink writes an OCI layout into a tar, and docker's manifest.json beside
// it on request. The same image gives the same bytes: times are zero, and the
// order is that of the layers. What names the blobs comes last, so that an
// archive that breaks off names nothing.
type archiveSink struct {
	tw   *tar.Writer
	dirs map[string]bool
	seen map[digest.Digest]bool
}

func newArchiveSink(w io.Writer) *archiveSink {
	return &archiveSink{tar.NewWriter(w), map[string]bool{}, map[digest.Digest]bool{}}
}

func blobPath(d digest.Digest) string {
	return "blobs/" + d.Algorithm().String() + "/" + d.Encoded()
}

func (a *archiveSink) has(_ context.Context, desc ocispec.Descriptor) (bool, error) {
	return a.seen[desc.Digest], nil
}

func (a *archiveSink) put(_ context.Context, desc ocispec.Descriptor, r io.Reader) error {
	a.seen[desc.Digest] = true
	return a.file(blobPath(desc.Digest), desc.Size, r)
}

func (a *archiveSink) file(name string, size int64, r io.Reader) error {
	if err := a.mkdir(path.Dir(name)); err != nil {
		return err
	}
	if err := a.tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0)}); err != nil {
		return err
	}
	n, err := io.Copy(a.tw, r)
	if err == nil && n != size {
		err = fmt.Errorf("%s has %d bytes, expected %d", name, n, size)
	}
	return err
}

func (a *archiveSink) mkdir(dir string) error {
	if dir == "." || a.dirs[dir] {
		return nil
	}
	if err := a.mkdir(path.Dir(dir)); err != nil {
		return err
	}
	a.dirs[dir] = true
	return a.tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: time.Unix(0, 0)})
}

func (a *archiveSink) bytes(name string, b []byte) error {
	return a.file(name, int64(len(b)), bytes.NewReader(b))
}

// finish writes manifests, indexes and the tables of contents. withOCI false
// leaves out the OCI part, withDocker false docker's.
func (a *archiveSink) finish(set *Images, all []*copied, refName string, withOCI, withDocker bool) error {
	if withOCI {
		if err := a.finishOCI(set, all, refName); err != nil {
			return err
		}
	}
	if withDocker {
		// Full names, as Skopeo writes them: docker shortens what it reads, and
		// podman would take a short name for one of localhost.
		list := []dockerEntry{}
		for i, c := range all {
			e := dockerEntry{Config: blobPath(c.config.Digest), RepoTags: append([]string{}, set.Images[i].Names...), Layers: []string{}}
			for _, l := range c.layers {
				e.Layers = append(e.Layers, blobPath(l.Digest))
			}
			list = append(list, e)
		}
		raw, err := json.Marshal(list)
		if err != nil {
			return err
		}
		if err := a.bytes("manifest.json", raw); err != nil {
			return err
		}
	}
	if withOCI {
		if err := a.bytes(ocispec.ImageLayoutFile, ociLayoutFile); err != nil {
			return err
		}
	}
	return a.tw.Close()
}

func (a *archiveSink) finishOCI(set *Images, all []*copied, refName string) error {
	document := func(d digest.Digest, raw []byte) error {
		if a.seen[d] {
			return nil
		}
		a.seen[d] = true
		return a.bytes(blobPath(d), raw)
	}
	for _, c := range all {
		if err := document(c.desc.Digest, c.manifest); err != nil {
			return err
		}
	}
	for _, ix := range set.Indexes {
		if err := document(ix.Descriptor.Digest, ix.Raw); err != nil {
			return err
		}
	}
	index, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex, Manifests: namedEntries(set.contents(all), refName)})
	if err != nil {
		return err
	}
	return a.bytes("index.json", index)
}

var ociLayoutFile = []byte(`{"imageLayoutVersion":"1.0.0"}`)

// namedDescriptors is one entry of an index.json for each name, as docker writes
// them, or one without a name. refName, if not empty, is the standard annotation
// of the first entry, in place of its tag: podman and skopeo want one entry
// where one will do.
func namedDescriptors(desc ocispec.Descriptor, names []string, refName string) []ocispec.Descriptor {
	if full, ok := imageName(refName); ok && !slices.Contains(names, full) {
		names = append([]string{full}, names...)
	}
	var out []ocispec.Descriptor
	for i, n := range names {
		d := desc
		d.Annotations = map[string]string{containerdNameAnnotation: n, ocispec.AnnotationRefName: tagOf(n)}
		if i == 0 && refName != "" {
			d.Annotations[ocispec.AnnotationRefName] = refName
		}
		out = append(out, d)
	}
	if len(out) == 0 {
		d := desc
		d.Annotations = nil
		if refName != "" {
			d.Annotations = map[string]string{ocispec.AnnotationRefName: refName}
		}
		out = append(out, d)
	}
	return out
}

// namedEntries lists the descriptors of a table of contents under their names;
// refName is for the only one. A tag that several of them have names none of
// them, so these get their full names for the standard annotation.
func namedEntries(entries []entry, refName string) []ocispec.Descriptor {
	tags := make(map[string]int)
	for _, e := range entries {
		for _, n := range e.names {
			tags[tagOf(n)]++
		}
	}
	list := []ocispec.Descriptor{}
	for _, e := range entries {
		for _, d := range namedDescriptors(e.desc, e.names, refName) {
			if full := d.Annotations[containerdNameAnnotation]; len(entries) > 1 && tags[tagOf(full)] > 1 {
				d.Annotations[ocispec.AnnotationRefName] = full
			}
			list = append(list, d)
		}
	}
	return list
}

// writeArchive writes docker-archive, oci-archive and the standard output.
func writeArchive(ctx context.Context, r Reference, set *Images, opt *WriteOptions) ([]Result, error) {
	var w io.Writer = opt.Stdout
	var f *atomicfile.File
	if !r.IsStdio() {
		var err error
		if f, err = atomicfile.Create(r.Path); err != nil {
			return nil, err
		}
		defer f.Abort()
		w = f
	} else if w == nil {
		return nil, fmt.Errorf("there is no standard output to write to")
	}
	s := newArchiveSink(w)
	form, compress, refName := Plain, AutoCompression, ""
	docker := r.Transport != OCIArchive
	if docker {
		if err := set.oneOfEach("a docker-archive"); err != nil {
			return nil, err
		}
		if r.Select != "" {
			full, err := NormalizeName(r.Select)
			if err != nil {
				return nil, err
			}
			names := addName([]string{full}, "")
			for _, n := range set.Images[0].Names {
				names = addName(names, n)
			}
			set.Images[0].Names = names
		}
	} else {
		refName = r.Select
		compress = opt.Compression
		if opt.Form != Plain {
			form = Exact
		}
	}
	all, err := set.copy(ctx, s, form, compress, opt, nil)
	if err != nil {
		return nil, err
	}
	if err := s.finish(set, all, refName, true, docker); err != nil {
		return nil, err
	}
	if f != nil {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := f.Commit(); err != nil {
			return nil, err
		}
	}
	return set.results(all, refName), nil
}
