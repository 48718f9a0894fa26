package signature

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPolicy(t *testing.T) {
	dir := t.TempDir()
	a, b := keyOf(1).Public(), keyOf(2).Public()
	put := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("a.pub", untrustedPrefix+"x\n"+a.String()+"\n")
	p, err := ReadPolicy(put("policy.json", `{
	  "default": {"unsigned": true},
	  "names": {
	    "registry.example": {"keys": ["a.pub"]},
	    "registry.example/lab": {"unsigned": true},
	    "registry.example/both": {"keys": ["a.pub", "`+b.String()+`"]},
	    "registry.example/lab/gone": {"refuse": true},
	    "registry.example/app:v2": {"keys": ["`+b.String()+`"]}
	  }}`))
	if err != nil {
		t.Fatal(err)
	}
	trust := &Trust{Policy: p}
	if !trust.Asks() || trust.Always() {
		t.Errorf("asks %v, always %v", trust.Asks(), trust.Always())
	}
	by := func(keys ...PublicKey) (list []Signer) {
		for _, k := range keys {
			list = append(list, Signer{Key: k})
		}
		return list
	}
	const r = "registry.example"
	for _, c := range []struct {
		by           []Signer
		names, bases []string
		ok           bool
	}{
		{nil, nil, nil, true},
		{nil, []string{"docker.io/library/app:v1"}, nil, true},
		{nil, []string{r + "/app:v1"}, nil, false},
		{by(a), []string{r + "/app:v1"}, nil, true},
		{by(b), []string{r + "/app:v1"}, nil, false},
		{by(a), []string{r + "/app:v2"}, nil, false},
		{by(b), []string{r + "/app:v2"}, nil, true},
		{by(a), []string{r + "/app:v21"}, nil, true},
		{by(a), []string{r + "/app:v2@sha256:1"}, nil, false},
		{nil, []string{r + "/lab/x:1"}, nil, true},
		{nil, []string{r + "/laboratory:1"}, nil, false},
		{nil, []string{r + "/lab:1"}, nil, true},
		{by(a, b), []string{r + "/lab/gone:1"}, nil, false},
		{by(b), []string{r + "/both:1"}, nil, true},
		{nil, []string{r + ".org/app:1"}, nil, true},
		{nil, []string{r + ":5000/app:1"}, nil, false},
		{by(a), []string{r + "/app:v1", r + "/app:v2"}, nil, false},
		{by(a, b), []string{r + "/app:v1", r + "/app:v2"}, nil, true},
		{nil, []string{"docker.io/library/app:v1"}, []string{r + "/app:v1"}, false},
		{by(a), []string{"docker.io/library/app:v1"}, []string{r + "/app:v1"}, true},
	} {
		err := trust.Allows(c.by, c.names, c.bases)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%v %v by %v: %v", c.names, c.bases, c.by, err)
		}
	}
	// A key that is asked for on the command line is asked for beside the policy.
	trust.Keys = []PublicKey{b}
	if !trust.Always() {
		t.Error("a key, and not always")
	}
	if err := trust.Allows(by(a), []string{r + "/app:v1"}, nil); !errors.Is(err, ErrSignature) {
		t.Errorf("%v", err)
	}
	if err := trust.Allows(by(a, b), []string{r + "/app:v1"}, nil); err != nil {
		t.Errorf("%v", err)
	}

	for text, want := range map[string]string{
		``:                                       "EOF",
		`{}`:                                     `"default" is missing`,
		`{"default": {}}`:                        "give one of",
		`{"default": {"keys": []}}`:              "give one of",
		`{"default": {"unsigned": false}}`:       "give one of",
		`{"default": {"unsigned": true}} x`:      "more behind",
		`{"default": {"unsigned": true}, "x":1}`: "unknown field",
		`{"default": {"unsigned": true, "refuse": true}}`:                                  "give one of",
		`{"default": {"keys": ["missing.pub"]}}`:                                           "missing.pub",
		`{"default": {"keys": ["policy.json"]}}`:                                           "no usable key",
		`{"default": {"unsigned": true}, "names": {"": {"refuse": true}}}`:                 "is no name",
		`{"default": {"unsigned": true}, "names": {"registry.*": {"refuse": true}}}`:       "is no name",
		`{"default": {"unsigned": true}, "names": {"registry.example": {}}}`:               "registry.example",
		`{"default": {"unsigned": true}, "names": {"x": {"keys": ["` + "\\u0000" + `"]}}}`: "x",
	} {
		if _, err := ReadPolicy(put("bad.json", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := ReadPolicy(put("huge.json", strings.Repeat(" ", maxPolicy+1))); err == nil {
		t.Error("a huge policy was read")
	}
}

// What is parsed later sees nothing of a file that is not signed as required.
func TestTrustOpens(t *testing.T) {
	content, a, b := noise(7, 1000), keyOf(1), keyOf(2)
	some := &Policy{Default: Rule{Unsigned: true}, Names: map[string]Rule{"x": {Keys: []PublicKey{a.Public()}}}}
	always := &Policy{Default: Rule{Keys: []PublicKey{a.Public()}}}
	never := &Policy{Default: Rule{Refuse: true}}
	byA, byB := sign(t, a, content, ""), sign(t, b, content, "")
	broken := append([]byte{}, byA...)
	broken[bytes.IndexByte(broken, '\n')+20] ^= 1
	for _, c := range []struct {
		name   string
		trust  *Trust
		text   []byte
		ok     bool
		signed int
	}{
		{"nothing is asked", nil, byB, true, 0},
		{"an empty trust", &Trust{}, nil, true, 0},
		{"unsigned, some names need it", &Trust{Policy: some}, nil, true, 0},
		{"by another, some names need it", &Trust{Policy: some}, byB, true, 0},
		{"broken, some names need it", &Trust{Policy: some}, broken, false, 0},
		{"signed, some names need it", &Trust{Policy: some}, byA, true, 1},
		{"unsigned", &Trust{Policy: always}, nil, false, 0},
		{"by another", &Trust{Policy: always}, byB, false, 0},
		{"signed", &Trust{Policy: always}, byA, true, 1},
		{"signed by the key asked for", &Trust{Keys: []PublicKey{b.Public()}, Policy: some}, byB, true, 1},
		{"none would do", &Trust{Policy: never}, byA, false, 0},
	} {
		r, by, err := c.trust.Open(bytes.NewReader(content), int64(len(content)), c.text)
		if (err == nil) != c.ok || len(by) != c.signed || err != nil && (!errors.Is(err, ErrSignature) || r != nil) {
			t.Errorf("%s: %v, %v", c.name, by, err)
		}
		var texts [][]byte
		if c.text != nil {
			texts = [][]byte{[]byte("x"), c.text}
		}
		if c.text == nil || c.ok {
			by, err = c.trust.OpenBytes(content, texts)
			if (err == nil) != c.ok || len(by) != c.signed {
				t.Errorf("%s, in memory: %v, %v", c.name, by, err)
			}
		}
	}
}

// FuzzPolicy wants an error or rules of which each says one thing.
func FuzzPolicy(f *testing.F) {
	key := keyOf(1).Public().String()
	f.Add([]byte(`{"default":{"refuse":true},"names":{"registry.example/":{"keys":["` + key + `"]},"x":{"unsigned":true}}}`))
	f.Add([]byte(`{"default":{"unsigned":true,"refuse":true}}`))
	f.Add([]byte(`{"default":{"keys":["no-such-file"]},"names":{"*":{}}} {}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePolicy(b, t.TempDir())
		if err != nil {
			return
		}
		for _, r := range append(slices.Collect(maps.Values(p.Names)), p.Default) {
			if said := len(r.Keys) > 0; said == (r.Unsigned || r.Refuse) || r.Unsigned && r.Refuse {
				t.Errorf("%q: %+v", b, r)
			}
		}
	})
}
