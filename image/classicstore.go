package image

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"

	"github.com/docker-delta/docker-delta/image/internal/tarsplit"
)

// classicStore is the directory of a docker daemon with the classic image store.
// Under image/<driver> it keeps the configs, and for every chain of layers what
// its tar had beside the contents of files; those lie extracted in a directory of
// the storage driver.
type classicStore struct {
	root   string // the daemon's DockerRootDir
	driver string
}

// openClassicStore opens an image from the files of a daemon.
func openClassicStore(root, driver string, img *DaemonImage, again *reexport) (*top, error) {
	s := &classicStore{root, driver}
	config, err := s.read(filepath.Join("imagedb", "content", img.ID.Algorithm().String(), img.ID.Encoded()), maxJSON)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, newVerifier(context.Background(), bytes.NewReader(config), "the image config", img.ID, -1)); err != nil {
		return nil, err
	}
	c, err := parseConfig(config, len(img.DiffIDs))
	if err != nil {
		return nil, err
	}
	out := &opened{config: config, platform: normalize(c.Platform), origin: "the docker daemon's store in " + root}
	ids := c.RootFS.DiffIDs
	for i, chain := range identity.ChainIDs(append([]digest.Digest(nil), ids...)) {
		files, err := s.layer(chain, ids[i])
		if err != nil {
			return nil, err
		}
		l := &storeLayer{what: fmt.Sprintf("layer %d of %d", i+1, len(ids)), diffID: ids[i], size: -1,
			open: files.open, measure: sync.OnceValue(files.size)}
		again.guard(l)
		out.layers = append(out.layers, l)
	}
	again.opt.debugf("reading %s from %s", img.ID, root)
	return &top{img: out}, nil
}

// read reads a small file under image/<driver>.
func (s *classicStore) read(name string, limit int64) ([]byte, error) {
	f, err := os.Open(filepath.Join(s.root, "image", s.driver, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", f.Name(), limit)
	}
	return b, err
}

// classicLayer is where a layer's parts are.
type classicLayer struct {
	record string // the gzip-compressed record of its tar
	files  string // the directory with its files
}

// layer finds a layer by the chain of those below it.
func (s *classicStore) layer(chain, diffID digest.Digest) (*classicLayer, error) {
	dir := filepath.Join("layerdb", chain.Algorithm().String(), chain.Encoded())
	have, err := s.read(filepath.Join(dir, "diff"), 1024)
	if err != nil {
		return nil, err
	}
	if got := strings.TrimSpace(string(have)); got != diffID.String() {
		return nil, fmt.Errorf("the store has layer %q in the place of %s", truncate(got, 100), diffID)
	}
	id, err := s.read(filepath.Join(dir, "cache-id"), 1024)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSpace(string(id))
	if name == "" || strings.ContainsAny(name, `/\`) || !filepath.IsLocal(name) {
		return nil, fmt.Errorf("the store has a layer in %q, which is no name of a directory", truncate(name, 100))
	}
	l := &classicLayer{record: filepath.Join(s.root, "image", s.driver, dir, "tar-split.json.gz")}
	switch s.driver {
	case "overlay2", "fuse-overlayfs":
		l.files = filepath.Join(s.root, s.driver, name, "diff")
	case "vfs": // with the files of the layers below, none of which is asked for
		l.files = filepath.Join(s.root, "vfs", "dir", name)
	default:
		return nil, fmt.Errorf("the storage driver %s keeps files in a way that is not known here", s.driver)
	}
	for _, p := range []string{l.record, l.files} {
		if _, err := os.Stat(p); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// opened decompresses the record.
func (l *classicLayer) opened() (*readCloser, error) {
	f, err := os.Open(l.record)
	if err != nil {
		return nil, err
	}
	gz, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", l.record, err)
	}
	return &readCloser{gz, []io.Closer{gz, f}}, nil
}

// size is the length of the tar, -1 if it cannot be told.
func (l *classicLayer) size() int64 {
	record, err := l.opened()
	if err != nil {
		return -1
	}
	defer record.Close()
	n, err := tarsplit.Size(record)
	if err != nil {
		return -1
	}
	return n
}

// open puts the tar together.
func (l *classicLayer) open(context.Context) (io.ReadCloser, int64, error) {
	record, err := l.opened()
	if err != nil {
		return nil, 0, err
	}
	// A symbolic link of the layer must not lead out of its directory.
	dir, err := os.OpenRoot(l.files)
	if err != nil {
		record.Close()
		return nil, 0, err
	}
	r := tarsplit.NewReader(record, func(name string) (io.ReadCloser, error) {
		f, err := dir.OpenFile(strings.TrimLeft(filepath.Clean(filepath.FromSlash(name)), "/"), os.O_RDONLY|nonblock, 0)
		if err != nil {
			return nil, err
		}
		st, err := f.Stat()
		if err == nil && !st.Mode().IsRegular() {
			err = fmt.Errorf("it is a %s now", st.Mode().Type())
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	})
	return &readCloser{r, []io.Closer{r, record, dir}}, -1, nil
}
