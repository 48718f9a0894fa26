package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/internal/atomicfile"
	"github.com/docker-delta/docker-delta/internal/tempfile"
)

// dirSink writes blobs as files. What it made is known, so that a failure takes
// it away again.
type dirSink struct {
	name func(digest.Digest) string // the path of a blob
	made []string                   // files and directories, in order
}

func (s *dirSink) has(_ context.Context, desc ocispec.Descriptor) (bool, error) {
	// A file of the right size is trusted only so far that its name was given
	// after its contents had been verified; so it is read and verified again.
	f, err := os.Open(s.name(desc.Digest))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, newVerifier(context.Background(), f, "", desc.Digest, desc.Size))
	if de := (*DigestError)(nil); errors.As(err, &de) {
		return false, nil // damaged: it is replaced
	}
	return err == nil, err
}

func (s *dirSink) put(_ context.Context, desc ocispec.Descriptor, r io.Reader) error {
	path := s.name(desc.Digest)
	if err := s.mkdir(filepath.Dir(path)); err != nil {
		return err
	}
	_, err := os.Lstat(path)
	existed := err == nil
	f, err := atomicfile.CreateUnswept(atomicfile.Resolve(path))
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	if err := f.Commit(); err != nil {
		return err
	}
	if !existed {
		s.made = append(s.made, path)
	}
	return nil
}

func (s *dirSink) putBytes(ctx context.Context, desc ocispec.Descriptor, b []byte) error {
	if ok, err := s.has(ctx, desc); ok || err != nil {
		return err
	}
	rc := bytesCloser(b)
	defer rc.Close()
	return s.put(ctx, desc, rc)
}

// mkdir makes a directory and those above it.
func (s *dirSink) mkdir(dir string) error {
	if st, err := os.Stat(dir); err == nil {
		if !st.IsDir() {
			return fmt.Errorf("%s is a file, and a directory is needed", dir)
		}
		return nil
	}
	if up := filepath.Dir(dir); up != dir {
		if err := s.mkdir(up); err != nil {
			return err
		}
	}
	err := os.Mkdir(dir, 0o777)
	if err == nil {
		s.made = append(s.made, dir)
	} else if errors.Is(err, os.ErrExist) {
		err = nil
	}
	return err
}

// undo removes what was made, the last first. Directories that somebody else
// uses by now are not empty and stay.
func (s *dirSink) undo() {
	for i := len(s.made) - 1; i >= 0; i-- {
		os.Remove(s.made[i])
	}
	s.made = nil
}

// dirVersion is what Skopeo's dir: transport writes into its version file.
const dirVersion = "Directory Transport Version: 1.1\n"

// writeDir writes Skopeo's dir: layout. An existing one is replaced as a whole.
func writeDir(ctx context.Context, r Reference, img Image, opt *WriteOptions) (_ Result, err error) {
	target := filepath.Clean(atomicfile.Resolve(r.Path))
	if err := checkReplaceable(target); err != nil {
		return Result{}, err
	}
	tmp, err := tempfile.MakeDir(filepath.Dir(target), 0o777)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = hint(fmt.Errorf("there is no directory %s", filepath.Dir(target)), "make it first")
		}
		return Result{}, err
	}
	s := &dirSink{name: func(d digest.Digest) string { return filepath.Join(tmp.Path, d.Encoded()) }}
	defer func() {
		if err != nil {
			s.undo() // also where the directory cannot be read any more
		}
		err = firstError(err, tmp.Close())
	}()
	c := &copier{img: img, form: Exact, compress: opt.Compression, opt: opt, sink: s}
	if opt.Form == Plain {
		c.form = Plain
	}
	done, err := c.copy(ctx)
	if err != nil {
		return Result{}, err
	}
	for name, b := range map[string][]byte{"manifest.json": done.manifest, "version": []byte(dirVersion)} {
		if err := atomicfile.WriteFile(filepath.Join(tmp.Path, name), b); err != nil {
			return Result{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if err := replaceDir(tmp.Path, target); err != nil {
		return Result{}, err
	}
	done.result.Names = []string{}
	return done.result, nil
}

// checkReplaceable accepts an absent or empty directory, and a dir: layout.
func checkReplaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if v, err := os.ReadFile(filepath.Join(dir, "version")); err == nil && string(v[:min(len(v), 27)]) == dirVersion[:27] {
		return nil
	}
	return hint(fmt.Errorf("%s is not empty and no dir: layout", dir), "choose another directory")
}

// replaceDir gives tmp the name target. What had it is removed, or has the name
// tmp after that, to be removed by whoever made tmp.
func replaceDir(tmp, target string) error {
	defer atomicfile.SyncDir(filepath.Dir(target))
	err := tempfile.Exchange(tmp, target)
	if err == nil {
		return nil
	}
	// There is no target yet, or the file system cannot exchange names.
	old := tempfile.Name(filepath.Dir(target))
	err = os.Rename(target, old)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	had := err == nil
	if err := os.Rename(tmp, target); err != nil {
		if had {
			_ = os.Rename(old, target)
		}
		return err
	}
	if had {
		return os.RemoveAll(old)
	}
	return nil
}
