package recipe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"
	"unsafe"

	"github.com/docker-delta/docker-delta/internal/limit"
)

// A byte may stand for a whole stream: what many of them take is counted.
func TestHostileRecipe(t *testing.T) {
	const streams = 1 << 20
	b := []byte{version<<4 | byte(Gzip)}
	b = binary.AppendUvarint(b, 1<<40)
	first := part{stream: true, literal: make([]byte, 10), coding: coding{encoder: encoderOf(t)}, plain: 1}
	if err := first.check(Gzip); err != nil {
		t.Fatal(err)
	}
	b = first.append(b, nil)
	b = append(b, tagAgain)
	b = binary.AppendUvarint(b, streams)
	b = append(b, bytes.Repeat([]byte{1}, streams)...)
	if r, err := Parse(b, nil); err != nil || r.PlainSize() != streams+1 {
		t.Fatalf("the recipe is not what this test means: %v", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Parse(b, limit.NewMemory(16<<20, "a recipe"))
	runtime.ReadMemStats(&after)
	if !errors.Is(err, limit.ErrMemory) {
		t.Errorf("%v", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 20<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
	mem := limit.NewMemory(1<<40, "")
	if _, err := Parse(b, mem); err != nil {
		t.Fatal(err)
	}
	if charged := 1<<40 - mem.Count(1); charged < streams*int64(unsafe.Sizeof(part{})) {
		t.Errorf("only %d bytes were charged", charged)
	}
}

// encoderOf gives a deflate encoder that takes level 0 of a coding's zero value.
func encoderOf(t *testing.T) encoderID {
	t.Helper()
	for id := encoderID(1); id < 1000; id++ {
		if (coding{encoder: id}).check(Gzip) == nil {
			return id
		}
	}
	t.Fatal("no encoder has a level 0")
	return 0
}
