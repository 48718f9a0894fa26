package diff

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// A file that is longer than what is matched at once is cut, and each part is
// matched with the part of the old file where its bytes are.
func TestCut(t *testing.T) {
	const gib = 1 << 30
	short := Extent{7, 1000}
	p := Piece{Len: 5 * gib, Same: -1, Candidates: []Extent{{100, 5*gib + 3<<20}, short}}
	end := int64(0)
	for at := int64(0); at < p.Len; at += cutNew {
		part := p.cut(at, min(cutNew, p.Len-at))
		if at != end || len(part.Candidates) != 2 || part.Candidates[1] != short || part.Same >= 0 {
			t.Fatalf("at %d: %+v", at, part)
		}
		end = at + part.Len
		old := part.Candidates[0]
		if old.Len != maxOld || old.Off < 100 || old.End() > 100+p.Candidates[0].Len {
			t.Errorf("at %d: %d bytes at %d", at, old.Len, old.Off)
		}
		if at+100 < old.Off || end+100 > old.End() {
			t.Errorf("at %d: the old bytes of the same place are not in %+v", at, old)
		}
	}
	if end != p.Len {
		t.Errorf("the parts end at %d", end)
	}
}

func TestFileOfManyParts(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a gigabyte of memory")
	}
	key := [32]byte{23}
	ref := make([]byte, 300<<20)
	if _, err := rand.NewChaCha8(key).Read(ref); err != nil {
		t.Fatal(err)
	}
	var target []byte
	for i := 0; i < len(ref); i += 16 << 20 {
		target = append(append(target, "one line more"...), ref[i:min(i+16<<20, len(ref))]...)
	}
	whole := []Extent{{0, int64(len(ref))}}
	var coded bytes.Buffer
	st, err := Encode(t.Context(), &coded, bytes.NewReader(target), []Piece{{Len: int64(len(target)), Same: -1, Candidates: whole}},
		bytes.NewReader(ref), int64(len(ref)), nil, Options{Level: Fast})
	if err != nil || st.Literal > 10_000 || coded.Len() > 10_000 {
		t.Fatalf("%d bytes, %d of them literals, %v", coded.Len(), st.Literal, err)
	}
	if got, err := apply(t, coded.Bytes(), ref); err != nil || !bytes.Equal(got, target) {
		t.Errorf("the target is not restored (%v)", err)
	}
}
