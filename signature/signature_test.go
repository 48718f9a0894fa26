package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/scrypt"
)

// keyOf makes a key from a number.
func keyOf(n byte) *SecretKey {
	return &SecretKey{id: KeyID(0x0123456789abcd00 + uint64(n)), key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))}
}

// fileOf writes a key as minisign does, encrypted unless password is nil.
func (k *SecretKey) fileOf(password []byte, ops, mem uint64) []byte {
	b := []byte(algorithmKey + kdfNone + checkBlake2b)
	if password != nil {
		b = []byte(algorithmKey + kdfScrypt + checkBlake2b)
	}
	salt := bytes.Repeat([]byte{7}, 32)
	b = append(b, salt...)
	b = binary.LittleEndian.AppendUint64(b, ops)
	b = binary.LittleEndian.AppendUint64(b, mem)
	hidden := append(binary.LittleEndian.AppendUint64(nil, uint64(k.id)), k.key...)
	sum := blake2b.Sum256(append([]byte(algorithmKey), hidden...))
	hidden = append(hidden, sum[:]...)
	if password != nil {
		n, r, p := scryptParameters(ops, mem)
		stream, err := scrypt.Key(password, salt, n, r, p, len(hidden))
		if err != nil {
			panic(err)
		}
		subtle.XORBytes(hidden, hidden, stream)
	}
	return []byte(untrustedPrefix + "a key\n" + base64.StdEncoding.EncodeToString(append(b, hidden...)) + "\n")
}

func sign(t *testing.T, k *SecretKey, b []byte, comment string) []byte {
	t.Helper()
	text, err := k.Sign(bytes.NewReader(b), comment)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func check(b, text []byte, keys ...PublicKey) (*File, error) {
	return Check(bytes.NewReader(b), int64(len(b)), text, keys)
}

func noise(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestSignAndCheck(t *testing.T) {
	for _, n := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3*chunkSize + 17} {
		b, k := noise(1, n), keyOf(1)
		text := sign(t, k, b, "file:x\ttest")
		if again := sign(t, k, b, "file:x\ttest"); !bytes.Equal(text, again) {
			t.Errorf("%d bytes: two signatures differ", n)
		}
		f, err := check(b, text, keyOf(2).Public(), k.Public())
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if f.Key != k.Public() || f.Comment != "file:x\ttest" || f.Size() != int64(n) {
			t.Errorf("%d bytes: %+v", n, f.Signer)
		}
		for _, at := range []struct{ off, n int }{{0, n}, {n / 2, n - n/2}, {n / 3, min(5, n-n/3)}, {max(0, n-3), min(3, n)}} {
			got := make([]byte, at.n)
			if m, err := f.ReadAt(got, int64(at.off)); err != nil || m != at.n || !bytes.Equal(got, b[at.off:at.off+at.n]) {
				t.Errorf("%d bytes at %d: %d, %v", at.n, at.off, m, err)
			}
		}
		if s, err := CheckBytes(b, text, []PublicKey{k.Public()}); err != nil || s.Key != k.Public() {
			t.Errorf("%v", err)
		}
	}
}

// Whatever bit changes, in the file or in the signature, it is noticed; the line
// that is not signed aside.
func TestEveryBitCounts(t *testing.T) {
	b, k := noise(2, 200), keyOf(1)
	text := sign(t, k, b, "file:x")
	flips := func(b []byte, from int, try func(i int)) {
		for i := from * 8; i < len(b)*8; i++ {
			b[i/8] ^= 1 << (i % 8)
			try(i)
			b[i/8] ^= 1 << (i % 8)
		}
	}
	flips(b, 0, func(i int) {
		if _, err := check(b, text, k.Public()); !errors.Is(err, ErrSignature) {
			t.Errorf("bit %d of the file: %v", i, err)
		}
	})
	flips(text, bytes.IndexByte(text, '\n'), func(i int) {
		if _, err := check(b, text, k.Public()); !errors.Is(err, ErrSignature) {
			t.Errorf("bit %d of the signature: %v\n%s", i, err, text)
		}
	})
	for n := range text {
		if _, err := check(b, text[:n], k.Public()); n != len(text)-1 && !errors.Is(err, ErrSignature) {
			t.Errorf("%d bytes of the signature: %v", n, err)
		}
	}
	for n := range b {
		if _, err := check(b[:n], text, k.Public()); !errors.Is(err, ErrSignature) {
			t.Errorf("%d bytes of the file: %v", n, err)
		}
	}
}

func TestRefused(t *testing.T) {
	b, k := noise(3, 100), keyOf(1)
	good := string(sign(t, k, b, "file:x"))
	other := string(sign(t, k, noise(4, 100), "another"))
	line := func(s string, n int) string { return strings.Split(s, "\n")[n] }
	legacy := func() string {
		raw := binary.LittleEndian.AppendUint64([]byte(algorithmKey), uint64(k.id))
		sum := blake2b.Sum512(b)
		raw = append(raw, ed25519.Sign(k.key, sum[:])...) // of a file that consists of the hash
		return strings.Replace(good, line(good, 1), base64.StdEncoding.EncodeToString(raw), 1)
	}
	sameID := keyOf(9)
	sameID.id = k.id
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "minisign's form"},
		{"no signature", "hello\n", "minisign's form"},
		{"huge", good + strings.Repeat("x", MaxSize), "over 16384 bytes"},
		{"more lines", good + "more\n", "minisign's form"},
		{"other comment", strings.Replace(good, "file:x", "file:y", 1), "comment"},
		{"unprintable comment", strings.Replace(good, "file:x", "file:\x1b", 1), "comment"},
		{"other file's", other, "its bytes are not those"},
		{"mixed", strings.Replace(good, line(good, 3), line(other, 3), 1), "comment"},
		{"other key", string(sign(t, keyOf(2), b, "file:x")), "signed with key 0123456789ABCD02, wanted is 0123456789ABCD01"},
		{"other key of the same ID", string(sign(t, sameID, b, "file:x")), "its bytes are not those"},
		{"not prehashed", legacy(), "not prehashed"},
		{"line broken", strings.Replace(good, line(good, 1), line(good, 1)[:10]+"\r"+line(good, 1)[10:], 1), "line is broken"},
	} {
		_, err := check(b, []byte(c.text), k.Public())
		if !errors.Is(err, ErrSignature) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for name, text := range map[string]string{
		"other lines' ends": strings.ReplaceAll(good, "\n", "\r\n"),
		"no last end":       strings.TrimSuffix(good, "\n"),
		"unsigned line":     strings.Replace(good, "docker-delta", "me", 1),
	} {
		if _, err := check(b, []byte(text), sameID.Public(), k.Public()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// changing is a file that others write to.
type changing struct {
	b     []byte
	reads int
	from  int // the read from which on a byte is another
}

func (c *changing) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	n := copy(p, c.b[off:])
	if c.reads >= c.from {
		p[0]++
	}
	return n, nil
}

// What is read behind the check is what was checked.
func TestFileThatChanges(t *testing.T) {
	b, k := noise(5, 2*chunkSize+100), keyOf(1)
	text := sign(t, k, b, "")
	c := &changing{b: b, from: 5}
	f, err := Check(c, int64(len(b)), text, []PublicKey{k.Public()}) // three reads
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 10)
	if _, err := f.ReadAt(p, 77); err != nil || !bytes.Equal(p, b[77:87]) {
		t.Errorf("%v", err)
	}
	if n, err := f.ReadAt(p, 77); !errors.Is(err, ErrSignature) || n != 0 {
		t.Errorf("changed bytes were given: %d, %v", n, err)
	}
	if n, err := f.ReadAt(make([]byte, chunkSize), chunkSize); !errors.Is(err, ErrSignature) || n != 0 {
		t.Errorf("a changed chunk was given: %d, %v", n, err)
	}
	if _, err := Check(bytes.NewReader(b), int64(len(b))+1, text, []PublicKey{k.Public()}); !errors.Is(err, ErrSignature) {
		t.Errorf("a file that shrank: %v", err)
	}
}

func TestSecretKeys(t *testing.T) {
	k := keyOf(3)
	password := func(s string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(s), nil } }
	never := func() ([]byte, error) { t.Error("a password was asked for"); return nil, nil }
	if got, err := ParseSecretKey(k.fileOf(nil, 0, 0), never); err != nil || got.Public() != k.Public() || !got.key.Equal(k.key) {
		t.Errorf("%v", err)
	}
	// Two shapes of the derivation: bound by memory, and by operations.
	for _, c := range []struct{ ops, mem uint64 }{{1 << 20, 1 << 20}, {1 << 16, 1 << 24}} {
		file := k.fileOf([]byte("secret"), c.ops, c.mem)
		if got, err := ParseSecretKey(file, password("secret")); err != nil || got.Public() != k.Public() || !got.key.Equal(k.key) {
			t.Errorf("%v: %v", c, err)
		}
		if _, err := ParseSecretKey(file, password("Secret")); !errors.Is(err, ErrPassword) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if n, r, p := scryptParameters(1<<25, 1<<30); n != 1<<20 || r != 8 || p != 1 {
		t.Errorf("minisign's keys: %d %d %d", n, r, p)
	}
	if _, err := ParseSecretKey(k.fileOf([]byte{}, 1<<15, 1<<20), nil); !errors.Is(err, ErrKey) {
		t.Errorf("no password: %v", err)
	}
	asksMuch := k.fileOf(nil, maxScryptOps+1, 0)
	asksMuch = bytes.Replace(asksMuch, []byte("RWQA"), []byte("RWRT"), 1) // "Ed\0\0" to "EdSc", with the next
	for name, file := range map[string][]byte{
		"public key": []byte(k.Public().String()), "empty": nil, "text": []byte("hello"),
		"huge":      bytes.Repeat([]byte("A"), 1<<20),
		"damaged":   bytes.Replace(k.fileOf(nil, 0, 0), []byte("AwMD"), []byte("AwMC"), 1),
		"much work": asksMuch,
	} {
		if _, err := ParseSecretKey(file, never); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := ParsePublicKey([]byte(untrustedPrefix + "x\r\n" + k.Public().String() + "\r\n")); err != nil || p != k.Public() {
		t.Errorf("%v", err)
	}
	for _, s := range []string{"", "RW", string(k.fileOf(nil, 0, 0)), k.Public().String() + "A", strings.Replace(k.Public().String(), "RW", "RX", 1)} {
		if _, err := ParsePublicKey([]byte(s)); !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := k.Sign(strings.NewReader("x"), "two\nlines"); err == nil {
		t.Error("a comment of two lines was signed")
	}
}

func FuzzParse(f *testing.F) {
	k := keyOf(1)
	text, _ := k.Sign(strings.NewReader("x"), "file:x")
	f.Add(text)
	f.Add(k.fileOf(nil, 0, 0))
	f.Add([]byte(k.Public().String()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Parse(b); err != nil && !errors.Is(err, ErrSignature) {
			t.Error(err)
		}
		if p, err := ParsePublicKey(b); err == nil {
			if again, err := ParsePublicKey([]byte(p.String())); err != nil || again != p {
				t.Error("a public key does not survive")
			}
		}
		_, _ = ParseSecretKey(b, nil)
		if s, err := CheckBytes([]byte("x"), b, []PublicKey{k.Public()}); err == nil && s.Comment != "file:x" {
			t.Errorf("a forged signature: %q", b)
		}
	})
}

// A key file is not read beyond the limit.
func TestHostileKeyFile(t *testing.T) {
	good := keyOf(1).Public().String() + "\n"
	for size, ok := range map[int]bool{maxKey: true, maxKey + 1: false} {
		path := filepath.Join(t.TempDir(), "key.pub")
		if err := os.WriteFile(path, []byte(good+strings.Repeat("\n", size-len(good))), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPublicKey(path); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "over 4096 bytes") {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
