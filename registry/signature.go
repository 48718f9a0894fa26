package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/signature"
)

// maxSignatures bounds how many signatures of one package are looked at, so that
// whoever may write to the repository cannot make readers fetch without end.
const maxSignatures = 16

// PushSignature stores a signature of a package's manifest as an artifact that
// refers to the package, which may come later.
func (r *Repository) PushSignature(ctx context.Context, pkg ocispec.Descriptor, text []byte, tag string) error {
	layer := ocispec.Descriptor{MediaType: format.MediaTypeSignature, Digest: digest.FromBytes(text), Size: int64(len(text))}
	// Some registries list an artifact with the media type of its config.
	empty := ocispec.DescriptorEmptyJSON
	empty.MediaType = format.ArtifactTypeSignature
	blobs := []ocispec.Descriptor{empty, layer}
	p := &pusher{r: r, blobs: blobs, open: func(desc ocispec.Descriptor) (io.Reader, error) {
		if desc.Digest == layer.Digest {
			return bytes.NewReader(text), nil
		}
		return bytes.NewReader(empty.Data), nil
	}}
	if err := p.pushBlobs(ctx, nil); err != nil {
		return err
	}
	empty.Data = nil
	subject := ocispec.Descriptor{MediaType: pkg.MediaType, Digest: pkg.Digest, Size: pkg.Size}
	raw, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		ArtifactType: format.ArtifactTypeSignature, Config: empty, Layers: []ocispec.Descriptor{layer}, Subject: &subject,
	})
	if err != nil {
		return err
	}
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	return p.pushManifest(ctx, desc, raw, &subject, tag)
}

// Signatures fetches the signatures of a package's manifest, unverified.
func (r *Repository) Signatures(ctx context.Context, pkg digest.Digest) ([][]byte, error) {
	found, err := r.list(ctx, pkg)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	looked := 0
	for _, d := range found {
		if d.ArtifactType != format.ArtifactTypeSignature || d.Digest.Validate() != nil {
			continue
		}
		if looked++; looked > maxSignatures {
			break
		}
		text, err := r.signature(ctx, d)
		if errors.Is(err, errdef.ErrNotFound) || errors.Is(err, format.ErrCorrupt) {
			continue // a stale list, or nothing of ours
		}
		if err != nil {
			return nil, r.explain("signature "+d.Digest.String(), err)
		}
		out = append(out, text)
	}
	return out, nil
}

func (r *Repository) signature(ctx context.Context, d ocispec.Descriptor) ([]byte, error) {
	if d.MediaType == "" {
		d.MediaType = ocispec.MediaTypeImageManifest
	}
	raw, err := r.manifest(ctx, d)
	if err != nil {
		return nil, err
	}
	var m ocispec.Manifest
	if err := unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%w: the manifest of a signature: %v", format.ErrCorrupt, err)
	}
	if len(m.Layers) != 1 || m.Layers[0].Digest.Validate() != nil || m.Layers[0].Size < 0 || m.Layers[0].Size > signature.MaxSize {
		return nil, fmt.Errorf("%w: it is no signature", format.ErrCorrupt)
	}
	layer := m.Layers[0]
	var text []byte
	err = r.again(ctx, func() error {
		rc, err := r.blob(ctx, layer, 0)
		if err != nil {
			return err
		}
		defer rc.Close()
		text, err = io.ReadAll(io.LimitReader(rc, layer.Size+1))
		return err
	})
	if err == nil && digest.FromBytes(text) != layer.Digest {
		err = fmt.Errorf("%w: a signature's bytes are not %s", format.ErrCorrupt, layer.Digest)
	}
	return text, err
}

// Manifest fetches a package's manifest and verifies its digest.
func (r *Repository) Manifest(ctx context.Context, desc ocispec.Descriptor) ([]byte, error) {
	raw, err := r.manifest(ctx, desc)
	return raw, r.explain("package "+desc.Digest.String(), err)
}
