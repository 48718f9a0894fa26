package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
)

// PublicKey checks signatures.
type PublicKey struct {
	ID  KeyID
	key [ed25519.PublicKeySize]byte
}

// String writes the key as minisign -P takes it.
func (k PublicKey) String() string {
	b := binary.LittleEndian.AppendUint64([]byte(algorithmKey), uint64(k.ID))
	return base64.StdEncoding.EncodeToString(append(b, k.key[:]...))
}

const publicSize = 2 + 8 + ed25519.PublicKeySize

// ParsePublicKey reads a public key: the text of minisign's file, or its last
// line alone.
func ParsePublicKey(text []byte) (PublicKey, error) {
	var k PublicKey
	b, err := keyLine(text, publicSize)
	if err != nil {
		if _, other := keyLine(text, secretSize); other == nil {
			return k, fmt.Errorf("%w: it is a secret key, which stays where deltas are signed; give the public one", ErrKey)
		}
		return k, fmt.Errorf("%w: it is no public key of minisign: %v", ErrKey, err)
	}
	k.ID = KeyID(binary.LittleEndian.Uint64(b[2:]))
	copy(k.key[:], b[10:])
	return k, nil
}

// ReadPublicKey reads the file of a public key.
func ReadPublicKey(path string) (PublicKey, error) {
	b, err := readSmall(path, maxKey)
	if err != nil {
		return PublicKey{}, err
	}
	k, err := ParsePublicKey(b)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return k, err
}

// keyLine reads the line of a key, n bytes for Ed25519.
func keyLine(text []byte, n int) ([]byte, error) {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")), "\n")
	if len(lines) == 2 && strings.HasPrefix(lines[0], untrustedPrefix) {
		lines = lines[1:]
	}
	if len(lines) != 1 {
		return nil, fmt.Errorf("it has %d lines", len(lines))
	}
	b, err := decode(lines[0], n)
	if err != nil {
		return nil, err
	}
	if string(b[:2]) != algorithmKey {
		return nil, fmt.Errorf("it is for another algorithm, %q", b[:2])
	}
	return b, nil
}

// readSmall reads a file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: it has over %d bytes, so it is not what is expected here", path, limit)
	}
	return b, err
}
