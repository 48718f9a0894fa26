// Package layer sees a stream of bytes as what it is made of: the headers and
// contents of a tar, the members of a zip, the pixels of a PNG, what a gzip
// file holds; and all of that again inside each of them.
//
// [Scan] cuts a stream into nodes. [Unwrapper.Unwrap] decompresses what is
// compressed inside, recursively; a [Stream] then has two faces: its raw bytes,
// and its plain bytes, in which every unwrapped part is replaced by what it
// decompresses to. A [Program] turns plain bytes back into raw ones. An
// [Inventory] finds counterparts between two sets of streams.
//
// Everything goes by content; names only help to find counterparts.
package layer

import (
	"io"
	"strings"
	"unsafe"

	"github.com/docker-delta/docker-delta/recipe"
)

// Kind says what a node is.
type Kind uint8

const (
	// Header is structure: tar headers, zip headers and directories, PNG chunks
	// that hold no pixels.
	Header Kind = iota
	// Content is what a file or member holds.
	Content
	// Padding fills the last block of a content in a tar.
	Padding
)

// Node is a run of bytes of a stream.
type Node struct {
	Kind Kind
	// Path names the content, or the content that a header introduces, as the
	// container does; members of containers inside follow after "!/".
	Path string
	// Off and Len say where the raw bytes lie in their stream.
	Off, Len int64
	// Sum is that of the raw bytes of a Content.
	Sum Sum
	// Prefix holds the first bytes of a Content.
	Prefix [8]byte
	// IsTar tells that a Content starts with a tar header.
	IsTar bool
	// Names is the table of section names of the ELF file that starts with this
	// part of it; nil for all other nodes.
	Names []byte

	// Parts cuts a container further, without gaps. It is nil for a leaf.
	Parts []*Node
	// Inner is what the bytes decompress to, or nil.
	Inner *Stream
	// Recipe rewraps Inner. Base streams need none.
	Recipe *recipe.Recipe
	// Wrapping says how Inner is compressed.
	Wrapping Wrapping
}

// End is the offset just behind the node.
func (n *Node) End() int64 { return n.Off + n.Len }

// maxPath is the most of a name that is kept, in bytes.
const maxPath = 4096

// cutPath keeps the end of a name that is too long: names only help to find
// counterparts.
func cutPath(path string) string {
	if len(path) > maxPath {
		return strings.Clone(path[len(path)-maxPath:])
	}
	return path
}

// memory is what the node takes, in bytes, with its place in a list that grows.
func (n *Node) memory() int64 { return int64(unsafe.Sizeof(*n)) + 16 + int64(len(n.Path)) }

// Wrapping says how the bytes of a node are to be decompressed.
type Wrapping struct {
	Format recipe.Format
	// Chunks, if not nil, are the lengths of the pieces into which a PNG cuts
	// its zlib stream; between two pieces lie twelve bytes of chunk framing.
	Chunks []int64
}

// Stream is a run of raw bytes and its nodes, which cover it without gaps.
type Stream struct {
	Raw   io.ReaderAt
	Size  int64
	Nodes []*Node
}

// Leaves calls visit for every node that is not cut further: leaves of the
// stream itself and of its parts, not of what is unwrapped.
func (s *Stream) Leaves(visit func(*Node) error) error { return leaves(s.Nodes, visit) }

func leaves(nodes []*Node, visit func(*Node) error) error {
	for _, n := range nodes {
		var err error
		if n.Parts != nil {
			err = leaves(n.Parts, visit)
		} else {
			err = visit(n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// PlainSize is the length of the plain face of the stream.
func (s *Stream) PlainSize() int64 {
	size := int64(0)
	_ = s.Leaves(func(n *Node) error {
		if n.Inner != nil {
			size += n.Inner.PlainSize()
		} else {
			size += n.Len
		}
		return nil
	})
	return size
}

// Contents calls visit for every Content in the stream, in its parts and in
// what is unwrapped.
func (s *Stream) Contents(visit func(*Node)) { contents(s.Nodes, visit) }

func contents(nodes []*Node, visit func(*Node)) {
	for _, n := range nodes {
		if n.Kind == Content {
			visit(n)
		}
		contents(n.Parts, visit)
		if n.Inner != nil {
			contents(n.Inner.Nodes, visit)
		}
	}
}
