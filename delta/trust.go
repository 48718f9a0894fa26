package delta

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/signature"
)

// OpenOptions say what is asked of a package before it is used.
type OpenOptions struct {
	// Trust says whose signature it must have; nil asks nothing.
	Trust *signature.Trust
	// Signatures are those that there are: of a package's file, or of the manifest
	// of a package in a directory.
	Signatures [][]byte
	// MaxMemory bounds what is held of the package in memory, in bytes; 0 means a
	// gigabyte.
	MaxMemory int64
}

// OpenSigned opens a package: a file or an OCI layout directory. Nothing of a file,
// and of a directory nothing but its index, is parsed before its signature is
// checked.
func OpenSigned(ctx context.Context, path string, opt OpenOptions) (*Delta, error) {
	d, err := openPath(ctx, path, opt)
	if err != nil {
		return nil, classify(fmt.Errorf("%s: %w", path, err))
	}
	return d, nil
}

func openPath(ctx context.Context, path string, opt OpenOptions) (*Delta, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	var d *Delta
	switch {
	case err != nil:
	case info.IsDir():
		f.Close()
		return openDir(ctx, path, opt)
	default:
		d, err = read(ctx, f, info.Size(), opt)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	d.file = f
	return d, nil
}

func openDir(ctx context.Context, path string, opt OpenOptions) (*Delta, error) {
	var by []signature.Signer
	pkg, err := format.OpenDir(path, func(manifest []byte) (err error) {
		by, err = opt.Trust.OpenBytes(manifest, opt.Signatures)
		return err
	})
	if err != nil {
		return nil, err
	}
	return newDelta(ctx, pkg, opt, by)
}

// ReadSigned opens a package of size bytes, after its signature is checked.
func ReadSigned(ctx context.Context, r io.ReaderAt, size int64, opt OpenOptions) (*Delta, error) {
	d, err := read(ctx, r, size, opt)
	return d, classify(err)
}

func read(ctx context.Context, r io.ReaderAt, size int64, opt OpenOptions) (*Delta, error) {
	var text []byte
	if len(opt.Signatures) > 0 {
		text = opt.Signatures[0]
	}
	r, by, err := opt.Trust.Open(r, size, text)
	if err != nil {
		return nil, err
	}
	pkg, err := format.Open(r, size)
	if err != nil {
		return nil, err
	}
	return newDelta(ctx, pkg, opt, by)
}

// Signers are who signed the package, of those that were asked for.
func (d *Delta) Signers() []signature.Signer { return d.signed }

// Allows decides whether the package's signature is enough for it, and for an image
// that is given these names.
func (d *Delta) Allows(names ...string) error {
	var targets, bases []string
	normal := func(list []string) (out []string) {
		for _, n := range list {
			if full, err := image.NormalizeName(n); err == nil {
				n = full
			}
			out = append(out, n)
		}
		return out
	}
	targets = normal(names)
	for _, t := range d.pkg.Config.Targets {
		targets = append(targets, normal(t.Names)...)
	}
	for _, ix := range d.pkg.Config.Indexes {
		targets = append(targets, normal(ix.Names)...)
	}
	all := d.pkg.Config.Bases
	for _, s := range d.pkg.Config.Steps {
		all = append(all[:len(all):len(all)], s.Bases...)
	}
	for _, b := range all {
		bases = append(bases, normal(b.Names)...)
	}
	return d.trust.Allows(d.signed, targets, bases)
}
