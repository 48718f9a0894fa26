package tarsplit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func record(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	for i, e := range entries {
		if err := json.NewEncoder(&b).Encode(map[string]any{"type": e.Type, "name": e.Name, "name_raw": e.NameRaw, "size": e.Size, "payload": e.Payload, "position": i}); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func files(m map[string]string) func(string) (io.ReadCloser, error) {
	return func(name string) (io.ReadCloser, error) {
		s, ok := m[name]
		if !ok {
			return nil, errors.New("not there")
		}
		return io.NopCloser(iotest.HalfReader(strings.NewReader(s))), nil
	}
}

func TestReader(t *testing.T) {
	rec := record(t,
		entry{Type: segmentType, Payload: []byte("head ")},
		entry{Type: fileType, Name: "a", Size: 3},
		entry{Type: segmentType, Payload: []byte(" pad ")},
		entry{Type: fileType, Name: "empty"}, // never opened
		entry{Type: fileType, NameRaw: []byte("\xff"), Size: 2},
		entry{Type: segmentType},
		entry{Type: segmentType, Payload: []byte(" end")},
	)
	for _, wrap := range []func(io.Reader) io.Reader{
		func(r io.Reader) io.Reader { return r }, iotest.OneByteReader,
	} {
		r := NewReader(bytes.NewReader(rec), files(map[string]string{"a": "abc and what was appended", "\xff": "xy"}))
		got, err := io.ReadAll(wrap(r))
		if err != nil || string(got) != "head abc pad xy end" {
			t.Errorf("%q %v", got, err)
		}
	}
	if n, err := Size(bytes.NewReader(rec)); err != nil || n != 19 {
		t.Errorf("size %d %v, want 19", n, err)
	}
}

func TestReaderErrors(t *testing.T) {
	good := record(t, entry{Type: segmentType, Payload: []byte("head")}, entry{Type: fileType, Name: "a", Size: 3})
	for name, c := range map[string]struct {
		record []byte
		files  map[string]string
		want   string
	}{
		"no file":       {good, nil, `file "a" of the layer: not there`},
		"short file":    {good, map[string]string{"a": "ab"}, `file "a" of the layer: unexpected EOF`},
		"cut record":    {good[:len(good)-9], map[string]string{"a": "abc"}, "damaged"},
		"no JSON":       {[]byte("tar"), nil, "damaged"},
		"unknown type":  {record(t, entry{Type: 3}), nil, "type 3"},
		"negative size": {record(t, entry{Type: fileType, Name: "a", Size: -1}), nil, "size -1"},
	} {
		r := NewReader(bytes.NewReader(c.record), files(c.files))
		if _, err := io.ReadAll(r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err := r.Close(); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
	}
}

// FuzzReader wants what Size announces, or an error.
func FuzzReader(f *testing.F) {
	f.Add(record(f, entry{Type: segmentType, Payload: []byte("head")}, entry{Type: fileType, Name: "a", Size: 3}, entry{Type: segmentType}))
	f.Add([]byte(`{"type":1,"name":"a","size":9223372036854775807}{"type":1,"name":"a","size":9223372036854775807}`))
	f.Add([]byte(`{"type":1,"name_raw":"YQ==","size":2}[`))
	f.Fuzz(func(t *testing.T, rec []byte) {
		n, serr := Size(bytes.NewReader(rec))
		if serr == nil && n < 0 {
			t.Errorf("a tar of %d bytes", n)
		}
		got, err := io.ReadAll(NewReader(bytes.NewReader(rec), files(map[string]string{"a": "abc"})))
		if err == nil && (serr != nil || int64(len(got)) != n) {
			t.Errorf("%d bytes, Size said %d %v", len(got), n, serr)
		}
	})
}
