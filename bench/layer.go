package main

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"
)

// An entry is what decides whether two tar entries are the same file: all of
// the header that a layer carries, and the hash of the contents.
type entry struct {
	mode     int64
	uid, gid int
	size     int64
	mtime    int64
	kind     byte
	link     string
	sum      [sha256.Size]byte
}

// walkTar calls visit for every entry of the tar at name, with names as layers
// write them: no leading "./" or "/", directories with a slash at the end.
func walkTar(name string, visit func(h *tar.Header, r io.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	tr := tar.NewReader(bufio.NewReaderSize(f, 1<<20))
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		h.Name = layerName(h.Name, h.Typeflag)
		if h.Name == "" {
			continue
		}
		if h.Typeflag == tar.TypeLink {
			h.Linkname = layerName(h.Linkname, tar.TypeReg)
		}
		if err := visit(h, tr); err != nil {
			return fmt.Errorf("%s: %s: %w", name, h.Name, err)
		}
	}
}

func layerName(name string, kind byte) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if kind == tar.TypeDir && name != "" {
		name += "/"
	}
	return name
}

func describe(h *tar.Header, r io.Reader) (entry, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return entry{}, err
	}
	e := entry{
		mode: h.Mode, uid: h.Uid, gid: h.Gid, size: h.Size,
		mtime: h.ModTime.Unix(), kind: h.Typeflag, link: h.Linkname,
	}
	sum.Sum(e.sum[:0])
	return e, nil
}

func describeTar(name string) (map[string]entry, error) {
	all := make(map[string]entry)
	err := walkTar(name, func(h *tar.Header, r io.Reader) error {
		e, err := describe(h, r)
		all[h.Name] = e
		return err
	})
	return all, err
}

// A layerWriter writes one layer tar and puts it in place only when whole.
type layerWriter struct {
	*tar.Writer
	buf  *bufio.Writer
	file *os.File
	name string
}

func createLayer(name string) (*layerWriter, error) {
	f, err := os.Create(name + ".tmp")
	if err != nil {
		return nil, err
	}
	buf := bufio.NewWriterSize(f, 1<<20)
	return &layerWriter{tar.NewWriter(buf), buf, f, name}, nil
}

// copyEntry writes h and its contents. The header is rebuilt from its fields,
// so that the same entry gives the same bytes whichever tar it came from.
func (w *layerWriter) copyEntry(h *tar.Header, r io.Reader) error {
	n := &tar.Header{
		Typeflag: h.Typeflag, Name: h.Name, Linkname: h.Linkname, Size: h.Size,
		Mode: h.Mode, Uid: h.Uid, Gid: h.Gid, Uname: h.Uname, Gname: h.Gname,
		ModTime: time.Unix(h.ModTime.Unix(), 0), Devmajor: h.Devmajor, Devminor: h.Devminor,
	}
	for k, v := range h.PAXRecords {
		if strings.HasPrefix(k, "SCHILY.xattr.") {
			if n.PAXRecords == nil {
				n.PAXRecords = make(map[string]string)
			}
			n.PAXRecords[k] = v
		}
	}
	if err := w.WriteHeader(n); err != nil {
		return err
	}
	if n.Typeflag != tar.TypeReg {
		return nil
	}
	_, err := io.Copy(w, r)
	return err
}

func (w *layerWriter) addFile(name string, mode int64, mtime time.Time, data []byte) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data)), ModTime: mtime}); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

// finish closes the layer, whose making ended with err.
func (w *layerWriter) finish(err error) error {
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = w.buf.Flush()
	}
	err = errors.Join(err, w.file.Close())
	if err == nil {
		return os.Rename(w.name+".tmp", w.name)
	}
	os.Remove(w.name + ".tmp")
	return err
}

// subtractLayer writes to out the layer that turns the root file system base
// into full, both given as tars: what is new or changed, and whiteouts for what
// is gone. An empty base gives all of full. extra may add entries at the end.
func subtractLayer(out, base, full string, extra func(*layerWriter) error) error {
	old := map[string]entry{}
	if base != "" {
		var err error
		if old, err = describeTar(base); err != nil {
			return err
		}
	}
	now, err := describeTar(full)
	if err != nil {
		return err
	}
	changed := func(name string) bool { return now[name] != old[name] }
	w, err := createLayer(out)
	if err != nil {
		return err
	}
	err = walkTar(full, func(h *tar.Header, r io.Reader) error {
		// A hard link travels with its target: either both are in the layer or none.
		if h.Typeflag == tar.TypeLink && changed(h.Linkname) || changed(h.Name) {
			if h.Typeflag == tar.TypeLink && !changed(h.Linkname) {
				return fmt.Errorf("new hard link to %s, which the base layer has", h.Linkname)
			}
			return w.copyEntry(h, r)
		}
		return nil
	})
	if err == nil && base != "" {
		err = w.addWhiteouts(base, now)
	}
	if err == nil && extra != nil {
		err = extra(w)
	}
	return w.finish(err)
}

// addWhiteouts marks what base has and now lacks, topmost directories only.
func (w *layerWriter) addWhiteouts(base string, now map[string]entry) error {
	gone := map[string]bool{}
	return walkTar(base, func(h *tar.Header, _ io.Reader) error {
		dir, file := path.Split(strings.TrimSuffix(h.Name, "/"))
		if _, ok := now[h.Name]; ok {
			return nil
		}
		gone[h.Name] = true
		if gone[dir] {
			return nil
		}
		return w.addFile(dir+".wh."+file, 0o600, h.ModTime, nil)
	})
}
