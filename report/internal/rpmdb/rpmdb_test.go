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
	"strings"
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

// hostileHeader is a package with many files, all in one directory whose name is
// long.
func hostileHeader(files, length int) []byte {
	var index, data []byte
	be := binary.BigEndian
	add := func(tag, kind, count uint32, b []byte) {
		for _, v := range []uint32{tag, kind, uint32(len(data)), count} {
			index = be.AppendUint32(index, v)
		}
		data = append(data, b...)
	}
	add(tagName, typeString, 1, []byte("x\x00"))
	add(tagDirNames, typeStringArray, 1, append(bytes.Repeat([]byte("d"), length), 0))
	add(tagBaseNames, typeStringArray, uint32(files), make([]byte, files))
	add(tagDirIndexes, typeInt32, uint32(files), make([]byte, 4*files))
	b := be.AppendUint32(be.AppendUint32(nil, uint32(len(index)/indexEntrySize)), uint32(len(data)))
	return append(append(b, index...), data...)
}

// TestHostileSizes has databases that would give very much more than they are.
func TestHostileSizes(t *testing.T) {
	// 60 kB of header with paths of 200 MB.
	long := make([]byte, ndbSlotPage)
	copy(long, ndbMagic)
	le := binary.LittleEndian
	le.PutUint32(long[12:], 1)
	for at := 2 * ndbUnit; at < len(long); at += ndbUnit {
		copy(long[at:], ndbSlotMagic)
	}
	le.PutUint32(long[2*ndbUnit+4:], 1)
	le.PutUint32(long[2*ndbUnit+8:], ndbSlotPage/ndbUnit)
	blob := hostileHeader(8000, 25000)
	long = append(long, ndbBlobMagic...)
	long = le.AppendUint32(le.AppendUint32(le.AppendUint32(long, 1), 0), uint32(len(blob)))
	long = append(long, blob...)

	// A page with thousands of entries that are one and the same header.
	same := make([]byte, 2*65536)
	le.PutUint32(same[12:], bdbHashMagic)
	le.PutUint32(same[20:], 65536)
	page := same[65536:]
	page[25] = bdbHashPage
	blob = hostileHeader(100, 100)
	start := len(page) - 1 - len(blob) - 1
	page[start] = bdbKeyData
	copy(page[start+1:], blob)
	const entries = 20000
	le.PutUint16(page[20:], entries)
	for i := range entries {
		at := start
		if i%2 == 0 {
			at = len(page) - 1
		}
		le.PutUint16(page[bdbPageHeader+2*i:], uint16(at))
	}
	for want, db := range map[string][]byte{
		"the paths of its files are too long":      long,
		"its packages have more bytes than it has": same,
		"its rows have more bytes than it has":     oneRowManyTimes(),
	} {
		list, err := read(db)
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d packages, %v; want %q", len(list), err, want)
		}
	}
}

// oneRowManyTimes is an SQLite database whose schema has a long row, in thousands
// of cells.
func oneRowManyTimes() []byte {
	be := binary.BigEndian
	db := make([]byte, 65536)
	copy(db, sqliteMagic)
	be.PutUint16(db[16:], 1)
	db[100] = leafTable
	const cells, at, size = 10000, 30000, 30000
	be.PutUint16(db[103:], cells)
	for i := range cells {
		be.PutUint16(db[108+2*i:], at)
	}
	copy(db[at:], []byte{0x80 | size>>14, 0x80 | size>>7&0x7f, size & 0x7f, 1, 1}) // its size, its number, no columns
	return db
}

func FuzzRead(f *testing.F) {
	for _, db := range databases(f) {
		f.Add(db)
	}
	f.Add(oneRowManyTimes())
	f.Fuzz(func(t *testing.T, db []byte) {
		if _, err := read(db); err != nil && !errors.Is(err, ErrFormat) {
			t.Fatal(err)
		}
	})
}
