package update

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"go.podman.io/image/v5/docker/reference"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/registry"
	"github.com/docker-delta/docker-delta/signature"
)

// demands tells whether the image needs a signature by the names that it gets. Then
// nothing but signed deltas brings it: a plain pull takes the registry's word.
func (p *Plan) demands() bool { return p.opt.Trust.Allows(nil, p.allNames(), nil) != nil }

// allNames are the names that the result gets, and the one it was asked for by.
func (p *Plan) allNames() []string {
	names := p.names()
	if !slices.Contains(names, p.Name) {
		names = append(names, p.Name)
	}
	return names
}

// unsigned is the error of a way that no signature covers.
func (p *Plan) unsigned(way string) error {
	return fmt.Errorf("%s: %w: %s", p.Name, signature.ErrSignature, way)
}

// signatures fetches those of a step, once.
func (p *Plan) signatures(ctx context.Context, e registry.Entry) ([][]byte, error) {
	if texts, ok := p.signed[e.Manifest.Digest]; ok || !p.opt.Trust.Asks() {
		return texts, nil
	}
	texts, err := p.repo.Signatures(ctx, e.Manifest.Digest)
	if err == nil {
		p.signed[e.Manifest.Digest] = texts
	}
	return texts, err
}

// isSigned decides whether a delta may be part of the way, before it is fetched.
func (p *Plan) isSigned(ctx context.Context, e registry.Entry) error {
	texts, err := p.signatures(ctx, e)
	if err != nil {
		return err
	}
	raw, err := p.repo.Manifest(ctx, e.Manifest)
	if err != nil {
		return err
	}
	by, err := p.opt.Trust.OpenBytes(raw, texts)
	if err != nil {
		return err
	}
	return p.opt.Trust.Allows(by, p.allNames(), nil)
}

// isMeant makes sure that a signed delta gives a version of the image that was
// asked for: its signature says nothing of the names in the registry, which could
// otherwise offer any image that the same key has signed a delta of.
func (p *Plan) isMeant(d *delta.Delta) error {
	if !p.demands() {
		return nil
	}
	var names []string
	for _, t := range d.Config().Targets {
		for _, n := range t.Names {
			named, err := reference.ParseNormalizedNamed(n)
			if err == nil && named.Name() == p.Repository() {
				return nil
			}
			names = append(names, n)
		}
	}
	return p.unsigned(fmt.Sprintf("the delta was signed for an image called %q; where that is meant, make it with create --tag %s", names, p.Repository()))
}

// PushSignature signs the manifest of a package and stores the signature beside
// where the package is, or will be, in a repository. comment is signed along with
// it; empty says which image the delta gives. With a tag, the signature gets one as
// well.
func PushSignature(ctx context.Context, repo *registry.Repository, pkg *format.Package, key *signature.SecretKey, comment, tag string) error {
	raw, err := pkg.RawManifest()
	if err != nil {
		return err
	}
	if comment == "" {
		comment = "image:" + pkg.Config.Targets[0].Config.Digest.String()
	}
	text, err := key.Sign(bytes.NewReader(raw), comment)
	if err != nil {
		return err
	}
	if tag != "" {
		tag += ".minisig"
	}
	return repo.PushSignature(ctx, pkg.Descriptor, text, tag)
}
