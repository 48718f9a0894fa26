package image

import (
	"context"
	"errors"
	"fmt"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
)

// remoteSink writes through a transport of containers/image.
type remoteSink struct {
	dest types.ImageDestination
}

func (s *remoteSink) has(ctx context.Context, desc ocispec.Descriptor) (bool, error) {
	ok, _, err := s.dest.TryReusingBlob(ctx, blobInfo(desc), none.NoCache, false)
	return ok, err
}

func (s *remoteSink) put(ctx context.Context, desc ocispec.Descriptor, r io.Reader) error {
	isConfig := desc.MediaType == ocispec.MediaTypeImageConfig || desc.MediaType == dockerConfigType
	got, err := s.dest.PutBlob(ctx, r, blobInfo(desc), none.NoCache, isConfig)
	if err != nil {
		return remoteError(err)
	}
	if got.Digest != desc.Digest {
		return fmt.Errorf("it was stored as %s, expected %s", got.Digest, desc.Digest)
	}
	return nil
}

func blobInfo(desc ocispec.Descriptor) types.BlobInfo {
	return types.BlobInfo{Digest: desc.Digest, Size: desc.Size, MediaType: desc.MediaType, URLs: desc.URLs, Annotations: desc.Annotations}
}

func writeRegistry(ctx context.Context, r Reference, img Image, opt *WriteOptions) (Result, error) {
	ref, err := docker.ParseReference("//" + r.Path)
	if err != nil {
		return Result{}, hint(err, "expected docker://registry/name:tag")
	}
	dest, err := ref.NewImageDestination(ctx, opt.systemContext())
	if err != nil {
		return Result{}, remoteError(err)
	}
	defer dest.Close()
	c := &copier{img: img, form: Exact, compress: opt.Compression, opt: opt, sink: &remoteSink{dest: dest}}
	if opt.Form == Plain {
		c.form = Plain
	} else if opt.Compression == AutoCompression {
		c.compress = GzipCompression
	}
	done, err := c.copy(ctx)
	if err != nil {
		return Result{}, err
	}
	named := ref.DockerReference()
	if d, ok := named.(reference.Digested); ok && d.Digest() != done.desc.Digest {
		return Result{}, fmt.Errorf("the manifest is %s, which cannot be pushed as %s", done.desc.Digest, d.Digest())
	}
	if err := dest.PutManifest(ctx, done.manifest, nil); err != nil {
		return Result{}, remoteError(err)
	}
	if err := dest.Commit(ctx, nil); err != nil {
		return Result{}, remoteError(err)
	}
	if err := checkPushed(ctx, ref, done, opt); err != nil {
		return Result{}, err
	}
	done.result.Names = []string{named.String()}
	return done.result, nil
}

// checkPushed asks the registry what the name stands for now.
func checkPushed(ctx context.Context, ref types.ImageReference, done *copied, opt *WriteOptions) error {
	got, err := docker.GetDigest(ctx, opt.systemContext(), ref)
	if err != nil {
		return fmt.Errorf("asking the registry what it stored: %w", remoteError(err))
	}
	if got != done.desc.Digest {
		return errors.New("the registry says the image is " + got.String() + ", expected " + done.desc.Digest.String())
	}
	return nil
}
