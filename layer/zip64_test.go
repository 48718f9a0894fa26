package layer

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/docker-delta/docker-delta/recipe"
)

// zip64 rewrites an archive so that the numbers of its first entry and of its end
// are kept in 64 bits.
func zip64(t *testing.T, b []byte) []byte {
	t.Helper()
	le := binary.LittleEndian
	end := b[len(b)-zipEndSize:]
	count, length, off := le.Uint16(end[10:]), le.Uint32(end[12:]), le.Uint32(end[16:])
	dir := bytes.Clone(b[off : off+length])
	nameLen := int(le.Uint16(dir[28:]))
	var extra []byte
	extra = le.AppendUint16(extra, 0xcafe) // another field first
	extra = append(le.AppendUint16(extra, 2), 1, 2)
	extra = le.AppendUint16(extra, 1)
	extra = le.AppendUint16(extra, 24)
	for _, at := range []int{24, 20, 42} { // plain size, packed size, offset
		extra = le.AppendUint64(extra, uint64(le.Uint32(dir[at:])))
		le.PutUint32(dir[at:], zip32)
	}
	old := int(le.Uint16(dir[30:]))
	le.PutUint16(dir[30:], uint16(len(extra)))
	at := zipEntrySize + nameLen
	dir = append(append(bytes.Clone(dir[:at]), extra...), dir[at+old:]...)

	out := append(bytes.Clone(b[:off]), dir...)
	from := uint64(len(out))
	out = append(out, "PK\x06\x06"...)
	out = le.AppendUint64(out, zipEnd64Size-12)
	out = append(out, make([]byte, 12)...) // versions and disks
	for _, n := range []uint64{uint64(count), uint64(count), uint64(len(dir)), uint64(off)} {
		out = le.AppendUint64(out, n)
	}
	out = append(out, "PK\x06\x07\x00\x00\x00\x00"...)
	out = append(le.AppendUint64(out, from), 1, 0, 0, 0)
	end = bytes.Clone(end)
	le.PutUint16(end[8:], 0xffff)
	le.PutUint16(end[10:], 0xffff)
	le.PutUint32(end[12:], zip32)
	le.PutUint32(end[16:], zip32)
	return append(out, end...)
}

func TestZip64(t *testing.T) {
	b := zip64(t, makeZip(t, member{"a", text(1, 3000)}, member{"b", text(2, 4000)}))
	s, _ := unwrapped(t, makeTar(t, tar.FormatUSTAR, member{"large.zip", b}), true)
	unwrapped := 0
	s.Contents(func(n *Node) {
		if n.Wrapping.Format == recipe.Deflate && n.Inner != nil {
			unwrapped++
		}
	})
	if unwrapped != 2 {
		t.Errorf("%d of 2 members were unwrapped", unwrapped)
	}
	for at := range b { // damage gives a sound cut, or none
		bad := bytes.Clone(b)
		bad[at] ^= 0xff
		if parts := cutZip(bytes.NewReader(bad), &Node{Kind: Content, Path: "x", Len: int64(len(bad))}); parts != nil {
			covers(t, parts, 0, int64(len(bad)))
		}
	}
}

// Zstandard files are unwrapped where their encoder is known.
func TestZstdFile(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	plain := text(3, 50000)
	known := z.EncodeAll(plain, nil)
	s, _ := unwrapped(t, makeTar(t, tar.FormatUSTAR, member{"a.zst", known}, member{"cut.zst", known[:200]}), true)
	var sizes []int64
	s.Contents(func(n *Node) {
		if n.Wrapping.Format == recipe.Zstd && n.Inner != nil {
			sizes = append(sizes, n.Inner.Size)
		}
	})
	if len(sizes) != 1 || sizes[0] != int64(len(plain)) {
		t.Errorf("unwrapped to %v bytes, want %d", sizes, len(plain))
	}
}
