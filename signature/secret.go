package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/scrypt"
)

// SecretKey makes signatures.
type SecretKey struct {
	id  KeyID
	key ed25519.PrivateKey
}

// ErrPassword reports a password that does not open the key. It is an ErrKey.
var ErrPassword = fmt.Errorf("%w: the password does not open it", ErrKey)

// The parts of a secret key's file: the algorithms of the key, of the derivation
// from the password and of the checksum, the derivation's salt and bounds, then
// what the password hides: ID, key and checksum.
const (
	secretSize   = 2 + 2 + 2 + 32 + 8 + 8 + hiddenSize
	hiddenSize   = 8 + ed25519.PrivateKeySize + blake2b.Size256
	kdfNone      = "\x00\x00"
	kdfScrypt    = "Sc"
	checkBlake2b = "B2"
)

// The work that a key's file may ask for: libsodium's limits for secrets, which
// minisign uses, come to 1 GiB of memory.
const (
	maxScryptOps = 1 << 25
	maxScryptMem = 1 << 30
)

// ParseSecretKey reads a secret key: the text of minisign's file. password is asked
// for only if the key is encrypted.
func ParseSecretKey(text []byte, password func() ([]byte, error)) (*SecretKey, error) {
	b, err := keyLine(text, secretSize)
	if err != nil {
		if _, other := keyLine(text, publicSize); other == nil {
			return nil, fmt.Errorf("%w: it is a public key; give the secret one", ErrKey)
		}
		return nil, fmt.Errorf("%w: it is no secret key of minisign: %v", ErrKey, err)
	}
	if string(b[4:6]) != checkBlake2b {
		return nil, fmt.Errorf("%w: its checksum is of an unknown kind", ErrKey)
	}
	hidden := b[54:]
	encrypted := false
	switch string(b[2:4]) {
	case kdfNone:
	case kdfScrypt:
		encrypted = true
		if err := reveal(hidden, b[6:38], b[38:54], password); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: it is encrypted in an unknown way", ErrKey)
	}
	body, sum := hidden[:hiddenSize-blake2b.Size256], hidden[hiddenSize-blake2b.Size256:]
	want := blake2b.Sum256(append([]byte(algorithmKey), body...))
	// Keys that are not encrypted have no checksum.
	if subtle.ConstantTimeCompare(want[:], sum) != 1 && (encrypted || !bytes.Equal(sum, make([]byte, len(sum)))) {
		if encrypted {
			return nil, ErrPassword
		}
		return nil, fmt.Errorf("%w: it is damaged", ErrKey)
	}
	k := &SecretKey{id: KeyID(binary.LittleEndian.Uint64(body)), key: ed25519.NewKeyFromSeed(body[8 : 8+ed25519.SeedSize])}
	if !bytes.Equal(k.key, body[8:]) {
		return nil, fmt.Errorf("%w: it is damaged", ErrKey)
	}
	return k, nil
}

// ReadSecretKey reads the file of a secret key.
func ReadSecretKey(path string, password func() ([]byte, error)) (*SecretKey, error) {
	b, err := readSmall(path, maxKey)
	if err != nil {
		return nil, err
	}
	k, err := ParseSecretKey(b, password)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return k, err
}

// reveal decrypts in place.
func reveal(hidden, salt, bounds []byte, password func() ([]byte, error)) error {
	ops, mem := binary.LittleEndian.Uint64(bounds), binary.LittleEndian.Uint64(bounds[8:])
	if ops > maxScryptOps || mem > maxScryptMem {
		return fmt.Errorf("%w: to open it takes more work than minisign ever asks for", ErrKey)
	}
	if password == nil {
		return fmt.Errorf("%w: it is encrypted, and there is no password", ErrKey)
	}
	pass, err := password()
	if err != nil {
		return err
	}
	n, r, p := scryptParameters(ops, mem)
	stream, err := scrypt.Key(pass, salt, n, r, p, hiddenSize)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrKey, err)
	}
	subtle.XORBytes(hidden, hidden, stream)
	return nil
}

// scryptParameters does what crypto_pwhash_scryptsalsa208sha256 of libsodium does
// with the bounds on operations and memory.
func scryptParameters(ops, mem uint64) (n, r, p int) {
	ops = max(ops, 1<<15)
	r, p = 8, 1
	most := ops / uint64(r*4) // of n
	if ops >= mem/32 {
		most = mem / uint64(r*128)
	}
	log := 1
	for log < 63 && uint64(1)<<log <= most/2 {
		log++
	}
	n = 1 << log
	if ops >= mem/32 {
		p = int(min(ops/4/uint64(n), 0x3fffffff)) / r
	}
	return n, r, p
}

// Public is the key that checks this key's signatures.
func (k *SecretKey) Public() PublicKey {
	p := PublicKey{ID: k.id}
	copy(p.key[:], k.key.Public().(ed25519.PublicKey))
	return p
}

// Hash takes the bytes of a file that is to be signed while it is written.
type Hash struct{ h hash.Hash }

// NewHash gives an empty Hash.
func NewHash() *Hash {
	h, err := blake2b.New512(nil)
	if err != nil {
		panic(err) // which is for keys only
	}
	return &Hash{h}
}

// Write adds bytes; it never fails.
func (h *Hash) Write(p []byte) (int, error) { return h.h.Write(p) }

func (h *Hash) sum() *[blake2b.Size]byte { return (*[blake2b.Size]byte)(h.h.Sum(nil)) }

// Sign signs all that r gives, and the comment, see [SecretKey.SignHash].
func (k *SecretKey) Sign(r io.Reader, comment string) ([]byte, error) {
	h := NewHash()
	if _, err := io.Copy(h, r); err != nil {
		return nil, err
	}
	return k.SignHash(h, comment)
}

// SignHash signs what went through h, and the comment, which is one line of text.
// The same bytes and comment always get the same signature.
func (k *SecretKey) SignHash(h *Hash, comment string) ([]byte, error) {
	if !printable(comment) {
		return nil, errors.New("the comment of a signature is one line of text")
	}
	file := ed25519.Sign(k.key, h.sum()[:])
	global := ed25519.Sign(k.key, append(file[:len(file):len(file)], comment...))
	line := binary.LittleEndian.AppendUint64([]byte(algorithmPrehashed), uint64(k.id))
	line = append(line, file...)
	return fmt.Appendf(nil, "%ssignature from docker-delta with key %s\n%s\n%s%s\n%s\n", untrustedPrefix, k.id,
		base64.StdEncoding.EncodeToString(line), trustedPrefix, comment, base64.StdEncoding.EncodeToString(global)), nil
}
