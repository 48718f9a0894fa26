package update

import (
	"os"
	"path/filepath"

	"github.com/docker-delta/docker-delta/internal/tempfile"
	"github.com/docker-delta/docker-delta/registry"
)

// downloads is where packages lie between fetching and storing: each in a
// directory of its own, named after its digest.
type downloads struct {
	dir       string
	temporary *tempfile.Dir // nil where the packages stay
}

func (p *Plan) downloads() (*downloads, error) {
	if p.opt.Downloads != "" {
		return &downloads{dir: p.opt.Downloads}, os.MkdirAll(p.opt.Downloads, 0o700)
	}
	tmp, err := tempfile.MakeDir(p.opt.Resources.TempDir, 0o700)
	if err != nil {
		return nil, err
	}
	return &downloads{tmp.Path, tmp}, nil
}

func (d *downloads) of(e registry.Entry) string {
	return filepath.Join(d.dir, e.Manifest.Digest.Encoded())
}

// done removes what is not needed any more, now that the image is there.
func (d *downloads) done(steps []registry.Entry) {
	for _, e := range steps {
		_ = os.RemoveAll(d.of(e))
	}
}

func (d *downloads) close() {
	if d.temporary != nil {
		_ = d.temporary.Close()
	}
}
