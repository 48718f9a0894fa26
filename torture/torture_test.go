package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTorture is a short run of every kind that needs no daemon, with the same
// inputs each time. The whole is `make torture`.
func TestTorture(t *testing.T) {
	// One input of so many, such that each kind takes a second or two.
	short := map[string]int{"bits": 1999, "sealed": 997, "swaps": 19, "json": 97, "bases": 4001, "calls": 331}
	run := &torture{dir: t.TempDir()}
	if err := run.prepare(); err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		n, ok := short[k.name]
		if !ok {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			run.sample = n
			r := &result{Name: k.name}
			k.run(run, r)
			if r.Skipped != "" {
				t.Skip(r.Skipped)
			}
			if r.Tried < 10 {
				t.Errorf("only %d inputs were tried", r.Tried)
			}
			for _, d := range r.Defects {
				t.Error(d)
			}
			t.Log(r)
		})
	}
}

// The sample must use what it claims to use, or nothing of it is tortured.
func TestSampleHasEveryFeature(t *testing.T) {
	run := &torture{dir: t.TempDir()}
	if err := run.prepare(); err != nil {
		t.Fatal(err)
	}
	if len(run.delta) > 12000 {
		t.Errorf("the package has %d bytes: too many to try all of them", len(run.delta))
	}
	var c struct {
		Layers []struct {
			Carried string
			Blobs   []struct {
				Recipe  *int
				Carried bool
			}
		}
	}
	if err := json.Unmarshal(takeApart(run.plain).config, &c); err != nil {
		t.Fatal(err)
	}
	have := make(map[string]int)
	for _, l := range c.Layers {
		have[l.Carried]++
		for _, b := range l.Blobs {
			if b.Recipe != nil {
				have["recipe"]++
			}
			if b.Carried {
				have["carried blob"]++
			}
		}
	}
	for _, feature := range []string{"base", "delta", "blob", "recipe"} {
		if have[feature] == 0 {
			t.Errorf("the sample has no %s: %v", feature, have)
		}
	}
}

func TestWalkJSON(t *testing.T) {
	doc := `{"a":1,"b":[true,{"c.d":"x"}],"e":{}}`
	removed := make(map[string]string)
	walkJSON([]byte(doc), "", func(path string, value []byte, replace func(...string) []byte) {
		removed[path+"="+string(value)] = string(replace())
	})
	want := map[string]string{
		`.a=1`:                  `{"b":[true,{"c.d":"x"}],"e":{}}`,
		`.b=[true,{"c.d":"x"}]`: `{"a":1,"e":{}}`,
		`.b[0]=true`:            `{"a":1,"b":[{"c.d":"x"}],"e":{}}`,
		`.b[1]={"c.d":"x"}`:     `{"a":1,"b":[true],"e":{}}`,
		`.b[1].c·d="x"`:         `{"a":1,"b":[true,{}],"e":{}}`,
		`.e={}`:                 `{"a":1,"b":[true,{"c.d":"x"}]}`,
	}
	for k, v := range want {
		if removed[k] != v {
			t.Errorf("%s: %s", k, removed[k])
		}
	}
	if len(removed) != len(want) {
		t.Errorf("%v", removed)
	}
	for _, e := range edits([]byte(doc)) {
		if strings.Contains(string(e.json), "·") {
			t.Errorf("%s: %s", e.what, e.json)
		}
	}
}

// Taking a package apart and sealing it again is the same package.
func TestSeal(t *testing.T) {
	run := &torture{dir: t.TempDir()}
	if err := run.prepare(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(run.dir, "sealed.delta")
	sealed := takeApart(run.plain).seal()
	if err := os.WriteFile(path, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(run.dir, "out.tar")
	if err := here("apply", path, "--base", run.basePath, "--to", "oci-archive:"+out); err != nil {
		t.Fatal(err)
	}
	if err := run.compare(out); err != nil {
		t.Error(err)
	}
	a, b := readTar(sealed), readTar(run.plain)
	for i := range a {
		if !bytes.Equal(a[i].body, b[i].body) {
			t.Errorf("%s is another", a[i].name)
		}
	}
}
