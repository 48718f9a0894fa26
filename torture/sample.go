package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/internal/demo"
)

// The sample is a pair of small images whose delta has every feature of the
// format: a layer that the base has, coded layers that copy from the base and
// from each other, recipes of several encoders, recipes with corrections, a
// layer that is carried as its blob, streams of several formats in the base, in
// one piece and in chunks, several deep, and a program whose code has moved.

// member is a file of a layer.
type member struct {
	name string
	body []byte
}

// packed is a layer in its compressed form.
type packed struct {
	mediaType   string
	plain, blob []byte
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // writing to memory
	}
	return v
}

func layerTar(members ...member) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		must(0, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: m.name, Mode: 0o644, Size: int64(len(m.body))}))
		must(w.Write(m.body))
	}
	must(0, w.Close())
	return b.Bytes()
}

var words = strings.Fields("the a server client request answer starts stops reads writes file option value default when if not timeout seconds bytes limit address port key log level error warning")

// prose is n bytes of text; a version changes a word in fifty.
func prose(seed uint64, n, version int) []byte {
	rng, change := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, uint64(version)))
	var b bytes.Buffer
	for b.Len() < n {
		w := words[rng.IntN(len(words))]
		if version > 1 && change.IntN(50) == 0 {
			w = fmt.Sprint("new", change.IntN(1000))
		}
		b.WriteString(w)
		b.WriteString([]string{" ", " ", " ", ", ", ".\n"}[rng.IntN(5)])
	}
	return b.Bytes()[:n]
}

func gzipped(level int, plain []byte) []byte {
	var b bytes.Buffer
	w := must(gzip.NewWriterLevel(&b, level))
	must(w.Write(plain))
	must(0, w.Close())
	return b.Bytes()
}

// flushed is gzip by a program that flushes every so often: known encoders give
// it with corrections only.
func flushed(plain []byte) []byte {
	var b bytes.Buffer
	w := must(gzip.NewWriterLevel(&b, 6))
	for len(plain) > 0 {
		n := min(len(plain), 7777)
		must(w.Write(plain[:n]))
		must(0, w.Flush())
		plain = plain[n:]
	}
	must(0, w.Close())
	return b.Bytes()
}

// odd is gzip that no encoder writes and that is not worth correcting: literals
// and matches are chosen by dice, in blocks with the fixed code.
func odd(plain []byte) []byte {
	whole := gzipped(gzip.NoCompression, plain)
	out := bytes.Clone(whole[:10])
	rng := rand.New(rand.NewPCG(3, 4))
	var acc, n uint
	bits := func(v, count uint) {
		acc |= v << n
		for n += count; n >= 8; n -= 8 {
			out = append(out, byte(acc))
			acc >>= 8
		}
	}
	code := func(symbol uint) { // RFC 1951, 3.2.6
		v, count := symbol+0x30, uint(8)
		switch {
		case symbol >= 280:
			v = symbol - 280 + 0xc0
		case symbol >= 256:
			v, count = symbol-256, 7
		case symbol >= 144:
			v, count = symbol-144+0x190, 9
		}
		for k := count; k > 0; k-- {
			bits(v>>(k-1)&1, 1)
		}
	}
	bits(0b010, 3) // a block that is not the last
	for i := 0; i < len(plain); {
		// A match of 3 with a distance of up to 4, where there is one.
		if d := 1 + rng.IntN(4); rng.IntN(2) == 0 && i >= d && i+3 <= len(plain) && bytes.Equal(plain[i:i+3], matchAt(plain, i, d)) {
			code(257)
			for k := range 5 {
				bits(uint(d-1)>>(4-k)&1, 1)
			}
			i += 3
		} else {
			code(uint(plain[i]))
			i++
		}
		if rng.IntN(12) == 0 {
			code(256)
			bits(0b010, 3)
		}
	}
	code(256)
	bits(0b011, 3)
	code(256)
	bits(0, 7)
	return append(out, whole[len(whole)-8:]...)
}

// matchAt is what a match of 3 bytes at distance d gives.
func matchAt(b []byte, at, d int) []byte {
	m := make([]byte, 3)
	for i := range m {
		m[i] = b[at-d+i%d]
	}
	return m
}

func zstandard(plain []byte) []byte {
	w := must(zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)))
	return w.EncodeAll(plain, nil)
}

// png is a picture whose data stands in several chunks.
func png(pixels []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	must(w.Write(pixels))
	must(0, w.Close())
	out := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
		start := len(out)
		out = append(append(out, kind...), data...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[start:]))
	}
	chunk("IHDR", []byte("\x00\x00\x00\x20\x00\x00\x00\x20\x08\x02\x00\x00\x00"))
	for rest := z.Bytes(); len(rest) > 0; {
		n := min(len(rest), 300)
		chunk("IDAT", rest[:n])
		rest = rest[n:]
	}
	chunk("IEND", nil)
	return out
}

func zipped(members ...member) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		must(must(w.Create(m.name)).Write(m.body))
	}
	must(0, w.Close())
	return b.Bytes()
}

// sampleLayers are the layers of a version, 1 or 2.
func sampleLayers(version int) []packed {
	text := func(seed uint64, n int) []byte { return prose(seed, n, version) }
	shared := layerTar(member{"etc/release", prose(90, 400, 1)})
	inner := layerTar(member{"deep.txt", text(5, 1500)}, member{"deeper.gz", gzipped(6, text(6, 1500))})
	app := layerTar(
		member{fmt.Sprintf("app-1.%d/guide.txt", version), text(1, 3000)},
		member{fmt.Sprintf("app-1.%d/page.gz", version), gzipped(9, text(2, 4000))},
		member{"twice.gz", append(gzipped(6, text(3, 1200)), gzipped(6, text(4, 1300))...)},
		member{"picture.png", png(text(7, 3000))},
		member{"lib.zip", zipped(member{"a", text(8, 2000)}, member{"b", prose(9, 1000, 1)})},
		member{"inner.tar.gz", gzipped(6, inner)},
		member{"data.zst", zstandard(text(10, 3000))},
		member{"bin/server", demo.Program("server", 60, version)},
	)
	layers := []packed{
		{ocispec.MediaTypeImageLayer, shared, shared},
		{ocispec.MediaTypeImageLayerGzip, app, gzipped(6, app)},
	}
	if version == 1 {
		return layers
	}
	more := layerTar(member{"copy/guide.txt", prose(1, 2600, 3)}, member{"more.txt", prose(20, 9000, 1)})
	third := layerTar(member{"third.txt", prose(20, 2000, 4)})
	fourth := layerTar(member{"random", noise(30, 500)})
	empty := layerTar()
	return append(layers,
		packed{ocispec.MediaTypeImageLayerGzip, more, flushed(more)},
		packed{ocispec.MediaTypeImageLayerZstd, third, zstandard(third)},
		packed{ocispec.MediaTypeImageLayerGzip, fourth, odd(fourth)},
		packed{ocispec.MediaTypeImageLayer, empty, empty},
	)
}

func noise(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// sampleImage writes a version as an oci-archive.
func sampleImage(version int) []byte {
	name := fmt.Sprintf("docker.io/library/torture:v%d", version)
	return ociArchive(name, fmt.Sprint("version ", version), sampleLayers(version))
}

// ociArchive writes an image whose layers are given.
func ociArchive(name, author string, layers []packed) []byte {
	var members []member
	add := func(mediaType string, b []byte) ocispec.Descriptor {
		d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
		members = append(members, member{blobName(d.Digest), b})
		return d
	}
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	c := ocispec.Image{Author: author, Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}, RootFS: ocispec.RootFS{Type: "layers"}}
	for _, l := range layers {
		m.Layers = append(m.Layers, add(l.mediaType, l.blob))
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, digest.FromBytes(l.plain))
	}
	m.Config = add(ocispec.MediaTypeImageConfig, must(json.Marshal(c)))
	desc := add(ocispec.MediaTypeImageManifest, must(json.Marshal(m)))
	desc.Annotations = map[string]string{"io.containerd.image.name": name}
	index := ocispec.Index{Versioned: m.Versioned, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{desc}}
	members = append(members, member{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)}, member{"index.json", must(json.Marshal(index))})
	return layerTar(members...)
}

// dockerArchive writes an image as docker save did before its version 25.
func dockerArchive(name, author string, layers []packed) []byte {
	c := ocispec.Image{Author: author, Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}, RootFS: ocispec.RootFS{Type: "layers"}}
	entry := struct {
		Config           string
		RepoTags, Layers []string
	}{RepoTags: []string{name}}
	var members []member
	for i, l := range layers {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, digest.FromBytes(l.plain))
		entry.Layers = append(entry.Layers, fmt.Sprintf("%d/layer.tar", i))
		members = append(members, member{entry.Layers[i], l.plain})
	}
	config := must(json.Marshal(c))
	entry.Config = digest.FromBytes(config).Encoded() + ".json"
	return layerTar(append(members, member{entry.Config, config}, member{"manifest.json", must(json.Marshal([]any{entry}))})...)
}

func blobName(d digest.Digest) string { return "blobs/" + d.Algorithm().String() + "/" + d.Encoded() }

// readTar gives the members of a tar in memory.
func readTar(b []byte) []member {
	var list []member
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return list
		}
		must(h, err)
		list = append(list, member{h.Name, must(io.ReadAll(r))})
	}
}
