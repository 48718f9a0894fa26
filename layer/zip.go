package layer

import (
	"bytes"
	"encoding/binary"
	"io"
	"sort"

	"github.com/docker-delta/docker-delta/recipe"
)

const (
	zipStored   = 0
	zipDeflated = 8

	zipLocalSize = 30
	zipEntrySize = 46
	zipEndSize   = 22
	// maxZipDirectory bounds the central directory that is read into memory.
	maxZipDirectory = 64 << 20
)

type zipMember struct {
	name   string
	method uint16
	off    int64 // of the data
	n      int64
}

// cutZip cuts a zip archive (APPNOTE.TXT 6.3.10) into headers and members, by
// its central directory. It gives nil for what it does not understand: zip64,
// overlapping members, several disks.
func cutZip(raw io.ReaderAt, node *Node) []*Node {
	members := zipMembers(io.NewSectionReader(raw, node.Off, node.Len), node.Len)
	if len(members) == 0 {
		return nil
	}
	var parts []*Node
	at := int64(0)
	for _, m := range members {
		if m.n == 0 {
			continue
		}
		path := node.Path + "!/" + m.name
		if m.off < at {
			return nil
		}
		if m.off > at {
			parts = append(parts, &Node{Kind: Header, Path: path, Off: node.Off + at, Len: m.off - at})
		}
		part := &Node{Kind: Content, Path: path, Off: node.Off + m.off, Len: m.n}
		if m.method == zipDeflated {
			part.Wrapping.Format = recipe.Deflate
		}
		if err := part.sum(raw); err != nil {
			return nil
		}
		parts = append(parts, part)
		at = m.off + m.n
	}
	if at < node.Len {
		parts = append(parts, &Node{Kind: Header, Path: node.Path + "!/", Off: node.Off + at, Len: node.Len - at})
	}
	return parts
}

// zipMembers lists the members by offset, or nothing.
func zipMembers(r *io.SectionReader, size int64) []zipMember {
	dir, count, shift := zipDirectory(r, size)
	var members []zipMember
	for ; count > 0; count-- {
		if len(dir) < zipEntrySize || string(dir[:4]) != "PK\x01\x02" {
			return nil
		}
		le := binary.LittleEndian
		nameLen := int(le.Uint16(dir[28:]))
		next := zipEntrySize + nameLen + int(le.Uint16(dir[30:])) + int(le.Uint16(dir[32:]))
		if len(dir) < next {
			return nil
		}
		m := zipMember{
			name:   string(dir[zipEntrySize : zipEntrySize+nameLen]),
			method: le.Uint16(dir[10:]),
			n:      int64(le.Uint32(dir[20:])),
		}
		encrypted := le.Uint16(dir[8:])&1 != 0
		if encrypted {
			m.method = 99
		}
		local := int64(le.Uint32(dir[42:])) + shift
		dir = dir[next:]

		var head [zipLocalSize]byte
		if local < 0 || local > size-zipLocalSize {
			return nil
		}
		if _, err := r.ReadAt(head[:], local); err != nil || string(head[:4]) != "PK\x03\x04" {
			return nil
		}
		m.off = local + zipLocalSize + int64(le.Uint16(head[26:])) + int64(le.Uint16(head[28:]))
		if m.off > size-m.n {
			return nil
		}
		members = append(members, m)
	}
	sort.SliceStable(members, func(i, j int) bool { return members[i].off < members[j].off })
	return members
}

// zipDirectory reads the central directory. shift is what must be added to the
// offsets in it when something stands before the archive.
func zipDirectory(r *io.SectionReader, size int64) (dir []byte, count int, shift int64) {
	tail := make([]byte, min(size, zipEndSize+0xffff))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return nil, 0, 0
	}
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 || len(tail)-i < zipEndSize {
		return nil, 0, 0
	}
	end := tail[i:]
	le := binary.LittleEndian
	count = int(le.Uint16(end[10:]))
	length, off := int64(le.Uint32(end[12:])), int64(le.Uint32(end[16:]))
	oneDisk := le.Uint16(end[4:]) == 0 && le.Uint16(end[8:]) == le.Uint16(end[10:])
	at := size - int64(len(end)) - length
	if !oneDisk || count == 0xffff || length > maxZipDirectory || at < 0 || off > at {
		return nil, 0, 0
	}
	dir = make([]byte, length)
	if _, err := r.ReadAt(dir, at); err != nil && err != io.EOF {
		return nil, 0, 0
	}
	return dir, count, at - off
}
