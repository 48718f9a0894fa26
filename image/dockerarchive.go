package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/image/internal/tree"
)

// configDigestOf computes the digest of an entry's config, or "" when it cannot
// be read.
func configDigestOf(s *treeStore, e *dockerEntry) string {
	raw, err := tree.ReadFile(s.tree, e.Config, maxJSON)
	if err != nil {
		return ""
	}
	return digest.FromBytes(raw).String()
}

// claimedDigest is the digest that the file name of a config claims, if any:
// <hex>.json, blobs/sha256/<hex> or sha256:<hex>.
func claimedDigest(name string) (digest.Digest, bool) {
	base := strings.TrimPrefix(strings.TrimSuffix(path.Base(name), ".json"), "sha256:")
	d := digest.NewDigestFromEncoded(digest.SHA256, base)
	return d, d.Validate() == nil
}

// newFromDockerEntry builds the image of one entry in docker's manifest.json.
func newFromDockerEntry(ctx context.Context, s *treeStore, e *dockerEntry) (*opened, error) {
	config, err := tree.ReadFile(s.tree, e.Config, maxJSON)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &MissingError{Source: s.name, What: "the image config", Name: e.Config, Hint: "save the image again"}
	}
	if err != nil {
		return nil, err
	}
	if want, ok := claimedDigest(e.Config); ok {
		if _, err := io.Copy(io.Discard, newVerifier(ctx, bytes.NewReader(config), "the image config", want, -1)); err != nil {
			return nil, err
		}
	}
	c, err := parseConfig(config, len(e.Layers))
	if err != nil {
		return nil, err
	}
	img := &opened{config: config, platform: normalize(c.Platform), origin: s.name}
	for i, name := range e.Layers {
		l := &storeLayer{what: fmt.Sprintf("layer %d of %d", i+1, len(e.Layers)), diffID: c.RootFS.DiffIDs[i], size: -1}
		l.open = func(context.Context) (io.ReadCloser, int64, error) {
			f, err := s.tree.Open(name)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, 0, &MissingError{Source: s.name, What: l.what, Name: name, Digest: l.diffID,
					Hint: "save the image again; an archive without all layers serves only a daemon that has them"}
			}
			if err != nil {
				return nil, 0, err
			}
			return f, f.Size(), nil
		}
		if err := l.probe(ctx); err != nil {
			return nil, err
		}
		img.layers = append(img.layers, l)
	}
	return img, nil
}
