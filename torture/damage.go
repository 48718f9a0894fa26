package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// flipped is b with one bit changed.
func flipped(b []byte, bit int) []byte {
	bad := bytes.Clone(b)
	bad[bit/8] ^= 1 << (bit % 8)
	return bad
}

func bitName(bit int) string { return fmt.Sprintf("bit %d of byte %d", bit%8, bit/8) }

// try gives an input of damage to the delta.
func try(w want, make func() []byte, what string, args ...any) input {
	return input{what: fmt.Sprintf(what, args...), make: make, want: w}
}

// tryBase gives an input of damage to the base.
func tryBase(make func() []byte, what string, args ...any) input {
	return input{what: fmt.Sprintf(what, args...), isBase: true, make: make, want: wrongBase}
}

// bits is every bit of the package as it lies in a file, compressed and not, and
// every length that it may be cut to.
func (t *torture) bits(r *result) {
	t.tryAll(r, func(yield func(input) bool) {
		for i, b := range [][]byte{t.delta, t.plain} {
			name := []string{"compressed", "plain"}[i]
			for bit := range 8 * len(b) {
				if !yield(try(damaged, func() []byte { return flipped(b, bit) }, "%s: %s", name, bitName(bit))) {
					return
				}
			}
			for n := range b {
				if !yield(try(damaged, func() []byte { return b[:n:n] }, "%s: cut to %d bytes", name, n)) {
					return
				}
			}
		}
	})
}

// sealed is every bit and every length of every blob, with digests that fit, so
// that the damage reaches the decoders.
func (t *torture) sealed(r *result) {
	pkg := takeApart(t.plain)
	t.tryAll(r, func(yield func(input) bool) {
		for i, b := range pkg.blobs {
			for bit := range 8 * len(b.body) {
				if !yield(try(damagedOrSame, func() []byte { return pkg.withBlob(i, flipped(b.body, bit)) }, "blob %d, %s, resealed", i, bitName(bit))) {
					return
				}
			}
			for n := range b.body {
				if !yield(try(damagedOrSame, func() []byte { return pkg.withBlob(i, b.body[:n]) }, "blob %d cut to %d bytes, resealed", i, n)) {
					return
				}
			}
		}
	})
}

// swaps puts each part of the package in the place of each other, as it is and
// with digests that fit.
func (t *torture) swaps(r *result) {
	pkg := takeApart(t.plain)
	members := readTar(t.plain)
	with := func(i int, body []byte, rest ...any) []byte {
		changed := slices.Clone(members)
		changed[i].body = body
		if len(rest) > 0 {
			changed[rest[0].(int)].body = rest[1].([]byte)
		}
		return layerTar(changed...)
	}
	t.tryAll(r, func(yield func(input) bool) {
		for i, a := range members {
			for j, b := range members {
				if i != j && (!yield(try(damaged, func() []byte { return with(i, b.body) }, "%s in the place of %s", b.name, a.name)) ||
					!yield(try(damaged, func() []byte { return with(i, b.body, j, a.body) }, "%s and %s swapped", b.name, a.name))) {
					return
				}
			}
			if !yield(try(damaged, func() []byte { return layerTar(slices.Delete(slices.Clone(members), i, i+1)...) }, "without %s", a.name)) {
				return
			}
		}
		for i := range pkg.blobs {
			for j, b := range pkg.blobs {
				if i != j && (!yield(try(damagedOrSame, func() []byte { return pkg.withSwapped(i, j) }, "blobs %d and %d swapped, resealed", i, j)) ||
					!yield(try(damagedOrSame, func() []byte { return pkg.withBlob(i, b.body) }, "blob %d in the place of %d, resealed", j, i))) {
					return
				}
			}
		}
	})
}

// json removes, repeats and changes every member of every document, with and
// without digests that fit.
func (t *torture) json(r *result) {
	pkg := takeApart(t.plain)
	members := readTar(t.plain)
	documents := []struct {
		name    string
		doc     []byte
		sealed  func([]byte) []byte
		covered bool // by a digest
	}{
		{"oci-layout", pkg.layout, func(b []byte) []byte { return pkg.withTables(b, pkg.index, pkg.manifest) }, false},
		{"index.json", pkg.index, func(b []byte) []byte { return pkg.withTables(pkg.layout, b, pkg.manifest) }, false},
		{"manifest", pkg.manifest, pkg.withManifest, true},
		{"description", pkg.config, pkg.withConfig, true},
	}
	t.tryAll(r, func(yield func(input) bool) {
		for _, d := range documents {
			for _, e := range edits(d.doc) {
				if bytes.Equal(e.json, d.doc) {
					continue
				}
				w := rewritten
				if !d.covered && mustRefuse(e.what) {
					w = damaged
				}
				if !yield(try(w, func() []byte { return d.sealed(e.json) }, "%s: %s", d.name, e.what)) {
					return
				}
				if d.covered && !yield(try(damaged, func() []byte { return replaced(members, d.doc, e.json) }, "%s, not resealed: %s", d.name, e.what)) {
					return
				}
			}
		}
	})
}

// replaced writes a tar in which one body stands for another.
func replaced(members []member, old, new []byte) []byte {
	changed := slices.Clone(members)
	for i := range changed {
		if bytes.Equal(changed[i].body, old) {
			changed[i].body = new
		}
	}
	return layerTar(changed...)
}

// mustRefuse tells the edits that make a table of contents ambiguous, which no
// reader may take.
func mustRefuse(what string) bool {
	for _, kind := range []string{"twice member", "twice and other", "renamed member", "capital", "unknown member"} {
		if bytes.HasPrefix([]byte(what), []byte(kind)) {
			return true
		}
	}
	return false
}

// bases damages the base: every bit of its tables, configs and manifests, and
// bits of its layers; every member of its documents; as docker's and as OCI's
// archive.
func (t *torture) bases(r *result) {
	layers := sampleLayers(1)
	archives := map[string][]byte{
		"oci-archive": t.base, "docker-archive": dockerArchive("docker.io/library/torture:v1", "version 1", layers),
	}
	const some = 61 // of the bits in layers
	t.tryAll(r, func(yield func(input) bool) {
		for name, b := range archives {
			inside := insideOf(b, layers)
			for bit := range 8 * len(b) {
				if inside[bit/8] && bit%some != 0 {
					continue
				}
				if !yield(tryBase(func() []byte { return flipped(b, bit) }, "%s, %s", name, bitName(bit))) {
					return
				}
			}
			for n := 0; n < len(b); n += some {
				if !yield(tryBase(func() []byte { return b[:n:n] }, "%s cut to %d bytes", name, n)) {
					return
				}
			}
			members := readTar(b)
			for _, m := range members {
				if len(m.body) == 0 || m.body[0] != '{' && m.body[0] != '[' {
					continue
				}
				for _, e := range edits(m.body) {
					if !yield(tryBase(func() []byte { return replaced(members, m.body, e.json) }, "%s, %s: %s", name, m.name, e.what)) {
						return
					}
				}
			}
		}
		sealedBases(readTar(t.base), yield)
	})
}

// sealedBases edits the base's manifest, with digests that fit: an image that
// somebody else has made, in place of the base.
func sealedBases(members []member, yield func(input) bool) bool {
	bodies := make(map[string][]byte)
	for _, m := range members {
		bodies[m.name] = m.body
	}
	var index ocispec.Index
	must(0, json.Unmarshal(bodies["index.json"], &index))
	old := blobName(index.Manifests[0].Digest)
	for _, e := range edits(bodies[old]) {
		reseal := func() []byte {
			index := index
			desc := index.Manifests[0]
			desc.Digest, desc.Size = digest.FromBytes(e.json), int64(len(e.json))
			index.Manifests = []ocispec.Descriptor{desc}
			changed := slices.Clone(members)
			for i := range changed {
				switch changed[i].name {
				case old:
					changed[i] = member{blobName(desc.Digest), e.json}
				case "index.json":
					changed[i].body = must(json.Marshal(index))
				}
			}
			return layerTar(changed...)
		}
		if !yield(tryBase(reseal, "base manifest, resealed: %s", e.what)) {
			return false
		}
	}
	return true
}

// insideOf tells for each byte of an archive whether it lies in the contents of
// a layer.
func insideOf(archive []byte, layers []packed) []bool {
	inside := make([]bool, len(archive))
	for _, l := range layers {
		for _, body := range [][]byte{l.plain, l.blob} {
			if at := bytes.Index(archive, body); at >= 0 {
				for i := range body {
					inside[at+i] = true
				}
			}
		}
	}
	return inside
}
