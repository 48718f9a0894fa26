package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/internal/atomicfile"
	"github.com/docker-delta/docker-delta/internal/limit"
	"github.com/docker-delta/docker-delta/internal/tempfile"
)

// writeLayout adds images to an OCI layout directory, or makes one. Blobs
// appear one by one, whole; the images become visible with the new index.json,
// which is exchanged under a lock.
func writeLayout(ctx context.Context, r Reference, set *Images, opt *WriteOptions) (_ []Result, err error) {
	dir := filepath.Clean(atomicfile.Resolve(r.Path))
	s := &dirSink{name: func(d digest.Digest) string { return filepath.Join(dir, filepath.FromSlash(blobPath(d))) }}
	if _, err := os.Stat(filepath.Dir(dir)); errors.Is(err, os.ErrNotExist) {
		return nil, hint(fmt.Errorf("there is no directory %s", filepath.Dir(dir)), "make it first")
	}
	unlock, err := s.makeLocked(ctx, dir)
	if err != nil {
		s.undo()
		return nil, err
	}
	defer func() {
		if err != nil {
			s.undo()
		}
		unlock()
	}()
	// What killed processes have left.
	for _, d := range []string{".", "blobs/sha256", "blobs/sha512"} {
		tempfile.Sweep(filepath.Join(dir, filepath.FromSlash(d)))
	}
	if err := checkLayout(dir); err != nil {
		return nil, err
	}
	// This file goes first, so that what a crash leaves can be used again.
	layoutFile := filepath.Join(dir, ocispec.ImageLayoutFile)
	if _, err := os.Stat(layoutFile); err != nil {
		if err := atomicfile.WriteFile(layoutFile, ociLayoutFile); err != nil {
			return nil, err
		}
		s.made = append(s.made, layoutFile)
	}
	form := Exact
	if opt.Form == Plain {
		form = Plain
	}
	all, err := set.copy(ctx, s, form, opt.Compression, opt, nil)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if err := s.putBytes(ctx, c.desc, c.manifest); err != nil {
			return nil, err
		}
	}
	for _, ix := range set.Indexes {
		if err := s.putBytes(ctx, ix.Descriptor, ix.Raw); err != nil {
			return nil, err
		}
	}
	index, err := addToIndex(filepath.Join(dir, ocispec.ImageIndexFile), namedEntries(set.contents(all), r.Select))
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, ocispec.ImageIndexFile), index); err != nil {
		return nil, err
	}
	return set.results(all, r.Select), nil
}

// makeLocked makes the directory, if need be, and locks it.
func (s *dirSink) makeLocked(ctx context.Context, dir string) (unlock func(), err error) {
	for range 100 {
		if err := s.mkdir(dir); err != nil {
			return nil, err
		}
		before, err := os.Stat(dir)
		if err != nil {
			continue
		}
		if unlock, err = lockDir(ctx, dir); err != nil {
			return nil, err
		}
		// A writer that failed may have taken the directory away meanwhile.
		if now, err := os.Stat(dir); err == nil && os.SameFile(before, now) {
			return unlock, nil
		}
		unlock()
	}
	return nil, fmt.Errorf("%s is made and removed all the time", dir)
}

// checkLayout accepts what is absent, an empty directory, or an OCI layout.
func checkLayout(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(dir, ocispec.ImageLayoutFile))
	if errors.Is(err, os.ErrNotExist) {
		return hint(fmt.Errorf("%s is not empty and no OCI layout", dir), "choose another directory")
	}
	if err != nil {
		return err
	}
	var l ocispec.ImageLayout
	if err := limit.Unmarshal(raw, &l); err != nil || l.Version != "1.0.0" {
		return fmt.Errorf("%s: an OCI layout of version %q, expected 1.0.0", dir, truncate(l.Version, 50))
	}
	return nil
}

// addToIndex gives the index.json at path with more entries, replacing those of
// the same name or, without a name, of the same digest. What is not understood
// is kept as it is.
func addToIndex(path string, add []ocispec.Descriptor) ([]byte, error) {
	doc := map[string]json.RawMessage{}
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		doc["schemaVersion"] = json.RawMessage("2")
		doc["mediaType"] = json.RawMessage(`"` + ocispec.MediaTypeImageIndex + `"`)
	case err != nil:
		return nil, err
	case len(raw) > maxJSON:
		return nil, fmt.Errorf("%s has %d bytes, more than the limit of %d", path, len(raw), maxJSON)
	default:
		if err := limit.Unmarshal(raw, &doc); err != nil {
			return nil, fmt.Errorf("%s: wrong JSON: %w", path, err)
		}
	}
	var old []json.RawMessage
	if m, ok := doc["manifests"]; ok {
		if err := limit.Unmarshal(m, &old); err != nil {
			return nil, fmt.Errorf("%s: wrong JSON: %w", path, err)
		}
	}
	var list []json.RawMessage
	for _, o := range old {
		var d ocispec.Descriptor
		if err := limit.Unmarshal(o, &d); err != nil {
			return nil, fmt.Errorf("%s: wrong JSON: %w", path, err)
		}
		if !replaced(d, add) {
			list = append(list, o)
		}
	}
	for _, d := range add {
		b, err := json.Marshal(d)
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	if doc["manifests"], err = json.Marshal(list); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

func replaced(old ocispec.Descriptor, add []ocispec.Descriptor) bool {
	full, name := old.Annotations[containerdNameAnnotation], old.Annotations[ocispec.AnnotationRefName]
	for _, d := range add {
		switch f, n := d.Annotations[containerdNameAnnotation], d.Annotations[ocispec.AnnotationRefName]; {
		case full != "" && f != "": // then a bare tag tells nothing: app:v1, web:v1
			if full == f {
				return true
			}
		case name != "" || n != "":
			if name == n {
				return true
			}
		case d.Digest == old.Digest:
			return true
		}
	}
	return false
}
