package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/image/internal/tree"
)

// contentStore is containerd's directory of manifests, configs and blobs, named
// as in an OCI layout. A file is there only when it is complete, and one that is
// open stays readable when it is removed.
type contentStore struct {
	treeStore
	again *reexport
}

// adapt makes layers go on with an export.
func (s *contentStore) adapt(_ context.Context, img *opened) error {
	for _, l := range img.layers {
		s.again.guard(l.(*storeLayer))
	}
	return nil
}

// contentDirs are where a content store may be: with the containerd that dockerd
// starts, and with one of the system.
func contentDirs(dockerRoot, root string) []string {
	var dirs []string
	for _, d := range []string{filepath.Join(dockerRoot, "containerd", "daemon"), filepath.Join(root, "var", "lib", "containerd")} {
		dirs = append(dirs, filepath.Join(d, "io.containerd.content.v1.content"))
	}
	return dirs
}

// openContentStore opens an image from the files of a daemon with the containerd
// image store.
func openContentStore(ctx context.Context, dockerRoot, root string, img *DaemonImage, again *reexport, opt *Options) (*top, error) {
	var first error
	for _, dir := range contentDirs(dockerRoot, root) {
		st, err := os.Stat(filepath.Join(dir, "blobs", img.ID.Algorithm().String(), img.ID.Encoded()))
		if err != nil {
			first = firstError(first, err)
			continue
		}
		name := "the docker daemon's store in " + dir
		s := &contentStore{treeStore{name, tree.Dir(dir)}, again}
		w := &walker{store: s, opt: opt, docs: map[string]*document{}}
		if err := w.walk(ctx, ocispec.Descriptor{Digest: img.ID, Size: st.Size()}); err != nil {
			return nil, err
		}
		l, err := w.pick(ctx)
		if err != nil {
			return nil, err
		}
		found, err := w.load(ctx, l)
		if err == nil {
			err = found.firstMissing()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.desc.Digest, err)
		}
		opt.debugf("reading %s from %s", img.ID, dir)
		return &top{walker: w}, nil
	}
	return nil, first
}
