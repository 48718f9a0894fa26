package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/docker-delta/docker-delta/format"
)

// Entry is a package in a registry. What it says of itself is not verified
// before the package is fetched.
type Entry struct {
	// Manifest describes the package's manifest.
	Manifest ocispec.Descriptor
	// Subject is the manifest or index of the image that it rebuilds.
	Subject digest.Digest
	// BaseName, BaseID, BaseChain and BaseManifest identify its base: a name, the
	// image ID, the ChainID of the layers, the digest of the manifest. Some or, for
	// a package that needs no base, all of them are empty.
	BaseName                        string
	BaseID, BaseChain, BaseManifest digest.Digest
	// Bases is how many bases it needs.
	Bases int
	// Others are bases of which any one does in place of the first.
	Others []format.Alternative
	// TargetID is the image ID of the (first) image it rebuilds.
	TargetID digest.Digest
	Platform string
	// Size is what fetching it costs, in bytes.
	Size int64
}

// Deltas lists the packages that rebuild the image with this manifest or index,
// the smallest first.
func (r *Repository) Deltas(ctx context.Context, subject digest.Digest) ([]Entry, error) {
	found, err := r.list(ctx, subject)
	if err != nil {
		return nil, err
	}
	var out []Entry
	room := int64(maxLooked)
	for _, d := range found {
		// Some registries give the media type of the config as artifact type.
		if d.ArtifactType != format.ArtifactType && d.ArtifactType != format.MediaTypeConfig {
			continue
		}
		if d.Digest.Validate() != nil || d.Size < 0 || d.Size > format.MaxManifest {
			continue
		}
		e, err := r.entry(ctx, d, &room)
		if errors.Is(err, errdef.ErrNotFound) || errors.Is(err, format.ErrCorrupt) || errors.Is(err, format.ErrVersion) || errors.Is(err, errNoRoom) {
			continue // a stale list, a package of another kind, or too many
		}
		if err != nil {
			return nil, r.explain("package "+d.Digest.String(), err)
		}
		e.Subject = subject
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int {
		if a.Size != b.Size {
			return int(min(max(a.Size-b.Size, -1), 1))
		}
		return compare(a.Manifest.Digest, b.Manifest.Digest)
	})
	return out, nil
}

func compare(a, b digest.Digest) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// list gives all referrers of a manifest. A repository that does not exist yet
// has none.
func (r *Repository) list(ctx context.Context, subject digest.Digest) ([]ocispec.Descriptor, error) {
	if err := subject.Validate(); err != nil {
		return nil, err
	}
	var all []ocispec.Descriptor
	err := r.readAgain(ctx, func() error {
		all = nil
		size := 0
		return r.remote.Referrers(ctx, ocispec.Descriptor{Digest: subject}, "", func(page []ocispec.Descriptor) error {
			if len(all)+len(page) > maxList {
				return fmt.Errorf("%w: over %d artifacts refer to %s", format.ErrCorrupt, maxList, subject)
			}
			for _, d := range page {
				d.URLs, d.Data, d.Platform = nil, nil, nil
				for k, v := range d.Annotations {
					size += len(k) + len(v)
				}
				if size += len(d.MediaType) + len(d.ArtifactType) + len(d.Digest); size > maxListSize {
					return fmt.Errorf("%w: the list of artifacts that refer to %s has over %d bytes", format.ErrCorrupt, subject, maxListSize)
				}
				all = append(all, d)
			}
			return nil
		})
	})
	var answer *errcode.ErrorResponse
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	return all, r.explain("the list of what refers to "+subject.String(), err)
}

// entry reads a package's annotations; where they do not tell enough, it looks
// into the manifest and the description, as long as there is room for their bytes.
func (r *Repository) entry(ctx context.Context, d ocispec.Descriptor, room *int64) (Entry, error) {
	e := Entry{Manifest: ocispec.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}, Bases: 1}
	if e.Manifest.MediaType == "" {
		e.Manifest.MediaType = ocispec.MediaTypeImageManifest
	}
	if e.annotated(d.Annotations) {
		return e, nil
	}
	if *room -= e.Manifest.Size; *room < 0 {
		return e, errNoRoom
	}
	raw, err := r.manifest(ctx, e.Manifest)
	if err != nil {
		return e, err
	}
	var m format.Manifest
	if err := unmarshal(raw, &m); err != nil {
		return e, fmt.Errorf("%w: its manifest: %v", format.ErrCorrupt, err)
	}
	if e.annotated(m.Annotations) {
		return e, nil
	}
	return e, r.describe(ctx, &m, &e, room)
}

// annotated takes over annotations and tells whether they say all.
func (e *Entry) annotated(a map[string]string) bool {
	get := func(key string) digest.Digest {
		if d := digest.Digest(a[key]); d.Validate() == nil {
			return d
		}
		return ""
	}
	if len(a[format.AnnotationBaseName])+len(a[format.AnnotationPlatform]) > maxNames {
		return false
	}
	e.BaseName, e.Platform = a[format.AnnotationBaseName], a[format.AnnotationPlatform]
	e.BaseID, e.TargetID = get(format.AnnotationBase), get(format.AnnotationTarget)
	e.BaseChain, e.BaseManifest = get(format.AnnotationBaseChain), get(format.AnnotationBaseManifest)
	if e.BaseID == "" {
		e.Bases = 0
	}
	e.Others = format.ParseAlternatives(a[format.AnnotationOtherBases])
	size, err := strconv.ParseInt(a[format.AnnotationSize], 10, 64)
	if err != nil || size < 0 || size > maxSize {
		return false
	}
	e.Size = size + e.Manifest.Size
	return e.TargetID != "" && (e.BaseID == "") == (e.BaseChain == "")
}

// errNoRoom is what becomes of packages in a list that would have to be looked at
// after many others were.
var errNoRoom = errors.New("too much is listed without being described")

// maxSize bounds what a package may claim, so that sums do not overflow.
const maxSize = 1 << 48

// describe reads the package's own description of itself.
func (r *Repository) describe(ctx context.Context, m *format.Manifest, e *Entry, room *int64) error {
	e.Size = e.Manifest.Size + m.Config.Size
	for _, l := range m.Layers {
		if l.Size < 0 || l.Size > maxSize {
			return fmt.Errorf("%w: a blob of %d bytes", format.ErrCorrupt, l.Size)
		}
		e.Size += l.Size
	}
	if m.Config.Size < 0 || m.Config.Size > format.MaxConfig || m.Config.Digest.Validate() != nil {
		return fmt.Errorf("%w: its description has %d bytes", format.ErrCorrupt, m.Config.Size)
	}
	if *room -= m.Config.Size; *room < 0 {
		return errNoRoom
	}
	var raw []byte
	err := r.readAgain(ctx, func() error {
		rc, err := r.blob(ctx, m.Config, 0)
		if err != nil {
			return err
		}
		defer rc.Close()
		if raw, err = io.ReadAll(io.LimitReader(rc, m.Config.Size+1)); err != nil {
			return err
		}
		if digest.FromBytes(raw) != m.Config.Digest {
			return fmt.Errorf("%w: its description is not %s", format.ErrCorrupt, m.Config.Digest)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c, err := format.ParseConfig(raw)
	if err != nil {
		return err
	}
	e.Bases = len(c.Bases)
	if len(c.Bases) > 0 {
		b := c.Bases[0]
		e.BaseID = b.ID
		if len(b.Names) > 0 && len(b.Names[0]) <= maxNames {
			e.BaseName = b.Names[0]
		}
		if len(c.Bases) == 1 {
			e.BaseChain = identity.ChainID(b.DiffIDs)
		}
	}
	e.TargetID = c.Targets[0].Config.Digest
	if len(c.Targets) == 1 {
		e.Platform = c.Targets[0].Platform
	}
	return nil
}
