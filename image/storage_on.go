//go:build linux && (!cgo || exclude_graphdriver_btrfs)

package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sirupsen/logrus"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage/pkg/reexec"
)

// The storage library needs the headers of btrfs when it is built with cgo and
// without tags; without cgo it needs nothing, but has to run as root or inside
// "podman unshare".

var initialized bool

// Init has to be called first in main, and main has to return when it gives
// true: containers-storage unpacks layers in a process of its own, which is this
// program started once more. Without it containers-storage cannot be used. It
// also keeps the libraries from logging what is no warning.
func Init() (subprocess bool) {
	initialized = true
	logrus.SetLevel(logrus.WarnLevel)
	return reexec.Init()
}

func storageReference(name string) (types.ImageReference, error) {
	if !initialized {
		return nil, errors.New("this program cannot use containers-storage: it does not call image.Init")
	}
	ref, err := storage.Transport.ParseReference(name)
	if err == nil {
		return ref, nil
	}
	if os.Geteuid() != 0 {
		return nil, hint(err, "without root, run this inside podman unshare")
	}
	return nil, err
}

func openStorage(ctx context.Context, r Reference, opt *Options) (*top, error) {
	ref, err := storageReference(r.Path)
	if err != nil {
		return nil, err
	}
	src, err := ref.NewImageSource(ctx, opt.systemContext())
	if errors.Is(err, storage.ErrNoSuchImage) {
		return nil, hint(fmt.Errorf("%w (%w)", err, ErrNotFound), "podman images lists what is there")
	}
	if err != nil {
		return nil, err
	}
	t, err := openRemote(ctx, r, src, opt)
	if err != nil {
		src.Close()
		return nil, err
	}
	t.names = nil
	if named := ref.DockerReference(); named != nil {
		t.names = addName(nil, named.String())
	}
	t.walker.store = &storageStore{t.walker.store.(*remoteStore)}
	return t, nil
}

// storageStore keeps manifests and configs as they were pulled, and layers by
// DiffID only.
type storageStore struct{ *remoteStore }

// adapt replaces the blobs, which are gone, by the layers of the storage.
func (s *storageStore) adapt(ctx context.Context, img *opened) error {
	infos, err := s.src.LayerInfosForCopy(ctx, nil)
	if err != nil {
		return err
	}
	if infos == nil {
		return nil
	}
	if len(infos) != len(img.layers) {
		return fmt.Errorf("the storage has %d layers of %d", len(infos), len(img.layers))
	}
	for i, l := range img.layers {
		l := l.(*storeLayer)
		l.desc = nil
		if infos[i].Digest == l.diffID {
			l.size = infos[i].Size
		}
		l.open = func(ctx context.Context) (io.ReadCloser, int64, error) {
			return s.src.GetBlob(ctx, infos[i], none.NoCache)
		}
	}
	return nil
}
