//go:build linux && (!cgo || exclude_graphdriver_btrfs)

package image

import (
	"context"

	"go.podman.io/image/v5/types"
)

// writeStorage stores an image for podman and its relatives.
func writeStorage(ctx context.Context, r Reference, img Image, opt *WriteOptions) (Result, error) {
	ref, err := storageReference(r.Path)
	if err != nil {
		return Result{}, err
	}
	dest, err := ref.NewImageDestination(ctx, opt.systemContext())
	if err != nil {
		return Result{}, err
	}
	defer dest.Close()
	c := &copier{img: img, form: opt.Form, compress: opt.Compression, opt: opt, sink: &remoteSink{dest: dest}}
	if c.form == AutoForm {
		c.form = Plain
	}
	done, err := c.copy(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := dest.PutManifest(ctx, done.manifest, nil); err != nil {
		return Result{}, err
	}
	if err := dest.Commit(ctx, &unparsed{ref, done.manifest, done.desc.MediaType}); err != nil {
		return Result{}, err
	}
	done.result.Names = []string{}
	if named := ref.DockerReference(); named != nil {
		done.result.Names = []string{named.String()}
	}
	return done.result, nil
}

// unparsed is the manifest as the library wants it at the end.
type unparsed struct {
	ref       types.ImageReference
	raw       []byte
	mediaType string
}

func (u *unparsed) Reference() types.ImageReference { return u.ref }
func (u *unparsed) Manifest(context.Context) ([]byte, string, error) {
	return u.raw, u.mediaType, nil
}
func (u *unparsed) Signatures(context.Context) ([][]byte, error) { return nil, nil }
