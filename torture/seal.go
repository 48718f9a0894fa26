package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/format"
)

// taken is a package taken apart, so that one part can be changed and the
// digests made to fit again: what an attacker can do, and what lets damage
// reach the decoders behind the digests.
type taken struct {
	layout, index []byte
	manifest      []byte
	config        []byte
	blobs         []member // of the manifest's layers, in order, under their digests
}

func takeApart(pkg []byte) *taken {
	bodies := make(map[string][]byte)
	for _, m := range readTar(pkg) {
		bodies[m.name] = m.body
	}
	t := &taken{layout: bodies["oci-layout"], index: bodies["index.json"]}
	var index ocispec.Index
	must(0, json.Unmarshal(t.index, &index))
	t.manifest = bodies[blobName(index.Manifests[0].Digest)]
	var m format.Manifest
	must(0, json.Unmarshal(t.manifest, &m))
	t.config = bodies[blobName(m.Config.Digest)]
	for _, l := range m.Layers {
		t.blobs = append(t.blobs, member{l.Digest.String(), bodies[blobName(l.Digest)]})
	}
	return t
}

// withBlob gives the package with another body for blob i: the description and
// the manifest name it by its new digest.
func (t *taken) withBlob(i int, body []byte) []byte {
	c := *t
	c.blobs = append([]member(nil), t.blobs...)
	id := digest.FromBytes(body).String()
	c.config = bytes.ReplaceAll(t.config, []byte(t.blobs[i].name), []byte(id))
	c.blobs[i] = member{id, body}
	return c.seal()
}

// withSwapped gives the package in which blobs i and j have changed places in
// the description.
func (t *taken) withSwapped(i, j int) []byte {
	c := *t
	a, b := []byte(t.blobs[i].name), []byte(t.blobs[j].name)
	hold := []byte("held")
	c.config = bytes.ReplaceAll(bytes.ReplaceAll(bytes.ReplaceAll(t.config, a, hold), b, a), hold, b)
	return c.seal()
}

// withConfig gives the package with another description.
func (t *taken) withConfig(config []byte) []byte {
	c := *t
	c.config = config
	return c.seal()
}

// seal makes manifest and index fit the description and the blobs.
func (t *taken) seal() []byte {
	var m format.Manifest
	must(0, json.Unmarshal(t.manifest, &m))
	m.Config.Digest, m.Config.Size = digest.FromBytes(t.config), int64(len(t.config))
	for i, b := range t.blobs {
		m.Layers[i].Digest, m.Layers[i].Size = digest.Digest(b.name), int64(len(b.body))
	}
	return t.withManifest(must(json.Marshal(m)))
}

// withManifest gives the package with another manifest and an index that fits.
func (t *taken) withManifest(manifest []byte) []byte {
	var index ocispec.Index
	must(0, json.Unmarshal(t.index, &index))
	index.Manifests[0].Digest, index.Manifests[0].Size = digest.FromBytes(manifest), int64(len(manifest))
	return t.withTables(t.layout, must(json.Marshal(index)), manifest)
}

// withTables writes the package with these tables of contents.
func (t *taken) withTables(layout, index, manifest []byte) []byte {
	list := []member{
		{"oci-layout", layout}, {"index.json", index},
		{blobName(digest.FromBytes(manifest)), manifest}, {blobName(digest.FromBytes(t.config)), t.config},
	}
	written := make(map[string]bool)
	for _, b := range t.blobs {
		if !written[b.name] {
			written[b.name] = true
			list = append(list, member{blobName(digest.Digest(b.name)), b.body})
		}
	}
	return layerTar(list...)
}

// edit is a change of a JSON document.
type edit struct {
	what string
	json []byte
}

// edits lists the document with each member of each object removed, repeated
// with the same and with another value, renamed, and given values of other
// kinds; and with each element of each array removed and repeated.
func edits(doc []byte) []edit {
	var list []edit
	walkJSON(doc, "", func(path string, value []byte, replace func(parts ...string) []byte) {
		put := func(what string, parts ...string) {
			list = append(list, edit{what + " " + path, replace(parts...)})
		}
		name, inObject := lastName(path)
		if !inObject {
			put("no element")
			put("twice element", string(value), string(value))
			put("null for element", "null")
			return
		}
		is := func(name, value string) string { return fmt.Sprintf("%q:%s", name, value) }
		put("no member")
		put("twice member", is(name, string(value)), is(name, string(value)))
		for _, other := range []string{"null", "0", "-1", "1e99", "9223372036854775807", "18446744073709551616", `""`, `"x"`, "[]", "{}", "true", "[[[[]]]]"} {
			put("twice and other member", is(name, other), is(name, string(value)))
			put("other value for member", is(name, other))
		}
		put("renamed member", is(name+"x", string(value)))
		put("capital member", is(string(bytes.ToUpper([]byte(name))), string(value)))
		put("capital and member", is(string(bytes.ToUpper([]byte(name))), "null"), is(name, string(value)))
		put("unknown member beside", is(name, string(value)), is("unknown", "1"))
	})
	return list
}
