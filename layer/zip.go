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
	zipEnd64Size = 56
	zipLocSize   = 20 // of what tells where the zip64 end is
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
// its central directory. It gives nil for what it does not understand: overlapping
// members, several disks.
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
		path := cutPath(node.Path + "!/" + m.name)
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
		local := int64(le.Uint32(dir[42:]))
		extra := dir[zipEntrySize+nameLen:][:le.Uint16(dir[30:])]
		if !zip64Sizes(extra, le.Uint32(dir[24:]), &m.n, &local) {
			return nil
		}
		encrypted := le.Uint16(dir[8:])&1 != 0
		if encrypted {
			m.method = 99
		}
		local += shift
		dir = dir[next:]

		var head [zipLocalSize]byte
		if local < 0 || local > size-zipLocalSize {
			return nil
		}
		if _, err := r.ReadAt(head[:], local); err != nil || string(head[:4]) != "PK\x03\x04" {
			return nil
		}
		m.off = local + zipLocalSize + int64(le.Uint16(head[26:])) + int64(le.Uint16(head[28:]))
		if m.n > size || m.off > size-m.n {
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
	if count == 0xffff || length == zip32 || off == zip32 {
		at, count, length, off = zip64End(r, size-int64(len(end)))
	}
	if !oneDisk || length > maxZipDirectory || at < 0 || off > at {
		return nil, 0, 0
	}
	dir = make([]byte, length)
	if _, err := r.ReadAt(dir, at); err != nil && err != io.EOF {
		return nil, 0, 0
	}
	return dir, count, at - off
}

// zip32 stands for a number that does not fit 32 bits, or for one that is kept
// with those that do not.
const zip32 = 1<<32 - 1

// zip64End reads the end of the directory in the form for large archives, which
// stands before the offset end: where the directory begins, its number of entries,
// its length and the offset that the archive gives. A negative at says that there
// is none.
func zip64End(r io.ReaderAt, end int64) (at int64, count int, length, off int64) {
	b := make([]byte, zipEnd64Size+zipLocSize)
	if _, err := r.ReadAt(b, end-int64(len(b))); err != nil && err != io.EOF || end < int64(len(b)) {
		return -1, 0, 0, 0
	}
	le := binary.LittleEndian
	n, size, from := le.Uint64(b[32:]), le.Uint64(b[40:]), le.Uint64(b[48:])
	if string(b[:4]) != "PK\x06\x06" || string(b[zipEnd64Size:][:4]) != "PK\x06\x07" || size > maxZipDirectory ||
		n > size/zipEntrySize || le.Uint64(b[24:]) != n || from > 1<<62 {
		return -1, 0, 0, 0
	}
	return end - int64(len(b)) - int64(size), int(n), int64(size), int64(from)
}

// zip64Sizes replaces the numbers of an entry that its extra field keeps in 64
// bits. It reports whether all are known.
func zip64Sizes(extra []byte, plain uint32, packed, local *int64) bool {
	if plain != zip32 && *packed != zip32 && *local != zip32 {
		return true
	}
	le := binary.LittleEndian
	for len(extra) >= 4 {
		id, n := le.Uint16(extra), int(le.Uint16(extra[2:]))
		if n > len(extra)-4 {
			return false
		}
		field := extra[4:][:n]
		extra = extra[4+n:]
		if id != 1 {
			continue
		}
		if plain == zip32 && len(field) >= 8 {
			field = field[8:]
		}
		for _, v := range []*int64{packed, local} {
			if *v != zip32 {
				continue
			}
			if len(field) < 8 || le.Uint64(field) > 1<<62 {
				return false
			}
			*v, field = int64(le.Uint64(field)), field[8:]
		}
		return true
	}
	return *packed != zip32 && *local != zip32
}
