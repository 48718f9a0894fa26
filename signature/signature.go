// Package signature proves who made a file, by signatures that the program
// minisign makes and checks too.
//
// A signature is a short text beside the file. It holds an Ed25519 signature of
// the file's BLAKE2b-512 hash, and a comment that is signed along with it. [Check]
// verifies one before anything of the file is parsed, and gives the file back as a
// [File], which yields only bytes that were signed. [Policy] says whose signature
// is asked for.
//
// The format is that of https://jedisct1.github.io/minisign/; only prehashed
// signatures ("ED") are made and accepted. Those of the older kind ("Ed"), which
// sign the bytes themselves, are refused: with one key for both kinds, a signature
// of a 64-byte file would pass for one of the file that has these bytes as its hash.
package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/blake2b"
)

// Suffix is what a file's name gets for that of its signature.
const Suffix = ".minisig"

// Limits, in bytes.
const (
	// MaxSize bounds a signature; minisign's own are at most 9.5 KiB.
	MaxSize = 16 << 10
	// maxKey bounds the file of a key.
	maxKey = 4 << 10
	// maxComment bounds the signed comment, as in minisign.
	maxComment = 8192 - 1
)

var (
	// ErrSignature reports a file that is not signed as it has to be.
	ErrSignature = errors.New("not signed as required")
	// ErrMissing reports a file without a signature. It is an ErrSignature.
	ErrMissing = fmt.Errorf("%w: there is no signature", ErrSignature)
	// ErrKey reports a key that cannot be used.
	ErrKey = errors.New("no usable key")
)

const (
	untrustedPrefix = "untrusted comment: "
	trustedPrefix   = "trusted comment: "

	algorithmKey       = "Ed" // of keys, and of signatures that are not prehashed
	algorithmPrehashed = "ED"
)

// KeyID tells keys apart. It is a hint, chosen at random by whoever made the key.
type KeyID uint64

// String writes the ID as minisign does.
func (id KeyID) String() string { return fmt.Sprintf("%016X", uint64(id)) }

// Signature is a parsed signature; nothing of it is verified yet.
type Signature struct {
	Key     KeyID
	comment string
	file    [ed25519.SignatureSize]byte // of the file's hash
	global  [ed25519.SignatureSize]byte // of file and comment
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSignature, fmt.Sprintf(format, args...))
}

// Parse reads a signature. There is one way to write each, but for the first
// line, which is not signed, and the ends of the lines.
func Parse(text []byte) (*Signature, error) {
	if len(text) > MaxSize {
		return nil, refused("its signature has over %d bytes", MaxSize)
	}
	lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], untrustedPrefix) {
		return nil, refused("its signature is not in minisign's form")
	}
	comment, ok := strings.CutPrefix(lines[2], trustedPrefix)
	if !ok || !printable(comment) {
		return nil, refused("its signature has no proper trusted comment")
	}
	s := &Signature{comment: comment}
	b, err := decode(lines[1], 2+8+len(s.file))
	if err != nil {
		return nil, refused("its signature is damaged: %v", err)
	}
	switch string(b[:2]) {
	case algorithmPrehashed:
	case algorithmKey:
		return nil, refused("its signature is of the older kind that is not prehashed; sign it without minisign's option -l")
	default:
		return nil, refused("its signature is of an unknown kind")
	}
	s.Key = KeyID(binary.LittleEndian.Uint64(b[2:]))
	copy(s.file[:], b[10:])
	if b, err = decode(lines[3], len(s.global)); err != nil {
		return nil, refused("its signature is damaged: %v", err)
	}
	copy(s.global[:], b)
	return s, nil
}

// verify proves the comment, and that the file has this hash.
func (s *Signature) verify(hash *[blake2b.Size]byte, k PublicKey) error {
	if s.Key != k.ID {
		return refused("it is signed with key %s in place of %s", s.Key, k.ID)
	}
	if !ed25519.Verify(k.key[:], hash[:], s.file[:]) {
		return refused("its bytes are not those that key %s signed", k.ID)
	}
	if !ed25519.Verify(k.key[:], append(s.file[:len(s.file):len(s.file)], s.comment...), s.global[:]) {
		return refused("the comment of its signature is not what key %s signed", k.ID)
	}
	return nil
}

// decode reads base64 of n bytes, in the only form that they have.
func decode(line string, n int) ([]byte, error) {
	if strings.ContainsAny(line, "\r\n") {
		return nil, errors.New("a line is broken")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(line)
	if err != nil {
		return nil, errors.New("it is no base64")
	}
	if len(b) != n {
		return nil, fmt.Errorf("%d bytes in place of %d", len(b), n)
	}
	return b, nil
}

// printable accepts what minisign shows: text in UTF-8, tabs, no other control
// characters.
func printable(comment string) bool {
	if len(comment) > maxComment || !utf8.ValidString(comment) {
		return false
	}
	return !strings.ContainsFunc(comment, func(r rune) bool {
		return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e'
	})
}
