package rpmdb

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// The databases hold two packages, made with rpmbuild 4.18 and installed with
// rpm -i --justdb; the Berkeley DB ones were made of the same headers with
// db_load of Berkeley DB 5.3.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(gz)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// asNDB writes the headers of another database in the ndb format.
func asNDB(t testing.TB, db []byte) []byte {
	t.Helper()
	var blobs [][]byte
	head := db[:100]
	if err := readSQLite(bytes.NewReader(db), int64(len(db)), head, func(b []byte) error {
		blobs = append(blobs, bytes.Clone(b))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	out := make([]byte, ndbSlotPage)
	copy(out, ndbMagic)
	le.PutUint32(out[12:], 1)
	for at := 2 * ndbUnit; at < len(out); at += ndbUnit {
		copy(out[at:], ndbSlotMagic)
	}
	for i, b := range blobs {
		slot := out[(3+2*i)*ndbUnit:] // with a free one between them
		le.PutUint32(slot[4:], uint32(i+1))
		le.PutUint32(slot[8:], uint32(len(out)/ndbUnit))
		out = append(out, ndbBlobMagic...)
		out = le.AppendUint32(out, uint32(i+1))
		out = le.AppendUint32(out, 0)
		out = le.AppendUint32(out, uint32(len(b)))
		out = append(out, b...)
		out = append(out, make([]byte, -len(out)&(ndbUnit-1))...)
	}
	return out
}

func databases(t testing.TB) map[string][]byte {
	all := make(map[string][]byte)
	for _, name := range []string{"rpmdb.sqlite", "Packages", "Packages-big-endian"} {
		all[name] = fixture(t, name)
	}
	all["Packages.db"] = asNDB(t, all["rpmdb.sqlite"])
	return all
}

func read(b []byte) ([]Package, error) { return Read(bytes.NewReader(b), int64(len(b))) }

func TestRead(t *testing.T) {
	for name, db := range databases(t) {
		t.Run(name, func(t *testing.T) {
			list, err := read(db)
			if err != nil {
				t.Fatal(err)
			}
			found := make(map[string]Package)
			for _, p := range list {
				found[p.Name] = p
			}
			one, two := found["docker-delta-one"], found["docker-delta-two"]
			if len(list) != 2 || one.Version != "2:1.0-3" || one.Arch != "noarch" || two.Version != "2.5~rc1-3" {
				t.Errorf("%d packages: %+v %+v", len(list), one, two)
			}
			if got := fmt.Sprint(one.Files); got != "[/usr/share/one /usr/share/one/file /usr/share/one/other]" {
				t.Error(got)
			}
			if len(two.Files) != 103 || two.Files[5] != "/usr/lib/two/a-rather-long-file-name-12" {
				t.Errorf("%d files: %v", len(two.Files), two.Files)
			}
		})
	}
}

// Damage gives an error or fewer packages, and ends.
func TestDamage(t *testing.T) {
	for name, db := range databases(t) {
		r := rand.New(rand.NewPCG(1, 2))
		for range 300 {
			bad := bytes.Clone(db)
			for range 1 + r.IntN(40) {
				at := r.IntN(len(bad))
				if r.IntN(2) == 0 {
					at = r.IntN(min(8192, len(bad))) // where the structure is
				}
				bad[at] = byte(r.Uint32())
			}
			if list, err := read(bad[:r.IntN(len(bad))]); err != nil && !errors.Is(err, ErrFormat) {
				t.Fatalf("%s: %d packages, %v", name, len(list), err)
			}
		}
	}
	for _, b := range []string{"", "x", "SQLite format 3\x00", "RpmP"} {
		if _, err := read([]byte(b)); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", b, err)
		}
	}
}

// A long name of a directory for each of many files, and one header for many
// packages, would fill the memory from a small database.
func TestHostileSizes(t *testing.T) {
	be := binary.BigEndian
	const files, long = 4000, 16000
	data := append(bytes.Repeat([]byte("d"), long), 0)
	bases := len(data)
	data = append(data, make([]byte, files)...)
	indexes := len(data)
	data = append(data, make([]byte, 4*files)...)
	h := be.AppendUint32(be.AppendUint32(nil, 3), uint32(len(data)))
	for _, e := range [][4]uint32{{tagDirNames, typeStringArray, 0, 1}, {tagBaseNames, typeStringArray, uint32(bases), files}, {tagDirIndexes, typeInt32, uint32(indexes), files}} {
		for _, v := range e {
			h = be.AppendUint32(h, v)
		}
	}
	h = append(h, data...)
	size := int64(len(h))
	l := &list{blobs: size, paths: maxPathGrowth*size + 1<<20}
	if err := l.add(h); !errors.Is(err, ErrFormat) {
		t.Errorf("paths of %d bytes out of a header of %d: %v", files*long, size, err)
	}
	small := be.AppendUint32(be.AppendUint32(nil, 0), 0)
	l = &list{blobs: 100, paths: 1 << 20}
	var err error
	for n := 0; err == nil && n < 100; n++ {
		err = l.add(small)
	}
	if !errors.Is(err, ErrFormat) {
		t.Errorf("one header for a hundred packages: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, db := range databases(f) {
		f.Add(db)
	}
	f.Fuzz(func(t *testing.T, db []byte) {
		if _, err := read(db); err != nil && !errors.Is(err, ErrFormat) {
			t.Fatal(err)
		}
	})
}
