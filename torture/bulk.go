package main

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/opencontainers/go-digest"
)

// Large images are written as they are made, never held. The second edition of a
// file has bytes put in between and others changed all over it.

// bulkFile is a file whose content follows from its seed.
type bulkFile struct {
	name string
	size int64 // in the first edition
	seed uint64
}

const (
	bulkBlock  = 64 << 10
	insertedAt = 251  // there is an insertion before one block of so many
	changedAt  = 1009 // one block of so many is another
	inserted   = "the second edition has a line more here\n"
)

// largeFiles are files of 1 MB to 32 MB with n bytes in all.
func largeFiles(layer uint64, n int64) (files []bulkFile) {
	rng := rand.New(rand.NewPCG(layer, 1))
	for i := 0; n > 0; i++ {
		size := min(n, 1<<20+rng.Int64N(31<<20))
		files = append(files, bulkFile{fmt.Sprintf("opt/layer%d/file%d", layer, i), size, rng.Uint64()})
		n -= size
	}
	return files
}

// manyFiles are n files of at most 2 kB.
func manyFiles(n int) []bulkFile {
	rng := rand.New(rand.NewPCG(uint64(n), 2))
	files := make([]bulkFile, n)
	for i := range files {
		files[i] = bulkFile{fmt.Sprintf("srv/%02x/file%d", i%256, i), rng.Int64N(2000), rng.Uint64()}
	}
	return files
}

// isNew tells whether an edition of the file, if it is small, is another one as a
// whole.
func (b bulkFile) isNew(version int) bool {
	return version > 1 && b.size < bulkBlock && b.seed%100 == 0
}

// sizeIn is the size of an edition.
func (b bulkFile) sizeIn(version int) int64 {
	blocks := (b.size + bulkBlock - 1) / bulkBlock
	if version == 1 || blocks <= insertedAt/2 {
		return b.size
	}
	return b.size + int64(len(inserted))*((blocks-insertedAt/2-1)/insertedAt+1)
}

// writeTo writes an edition.
func (b bulkFile) writeTo(w io.Writer, version int) error {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], b.seed)
	if b.isNew(version) {
		key[8] = byte(version)
	}
	rng, other := rand.NewChaCha8(key), rand.NewChaCha8([32]byte{byte(version)})
	block, left := make([]byte, bulkBlock), b.size
	for i := 0; left > 0; i++ {
		if version > 1 && i%insertedAt == insertedAt/2 {
			if _, err := io.WriteString(w, inserted); err != nil {
				return err
			}
		}
		part := block[:min(left, bulkBlock)]
		_, _ = rng.Read(part)
		if version > 1 && i%changedAt == changedAt/2 {
			_, _ = other.Read(part)
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
		left -= int64(len(part))
	}
	return nil
}

// bulkLayer writes a layer of an edition.
func bulkLayer(to io.Writer, files []bulkFile, version int) error {
	w := tar.NewWriter(to)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: 0o644, Size: f.sizeIn(version)}); err != nil {
			return err
		}
		if err := f.writeTo(w, version); err != nil {
			return err
		}
	}
	return w.Close()
}

// bulkLayerSize is the size of what bulkLayer writes.
func bulkLayerSize(files []bulkFile, version int) int64 {
	n := int64(1024)
	for _, f := range files {
		n += 512 + (f.sizeIn(version)+511)&^511
	}
	return n
}

// bulkImage writes an image as a docker-archive.
func bulkImage(to io.Writer, layers [][]bulkFile, version int) error {
	buffered := bufio.NewWriterSize(to, 1<<20)
	w := tar.NewWriter(buffered)
	put := func(name string, body []byte) error {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(body))}); err != nil {
			return err
		}
		_, err := w.Write(body)
		return err
	}
	var names, diffIDs []string
	for i, files := range layers {
		name := fmt.Sprintf("layer%d.tar", i)
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: bulkLayerSize(files, version)}); err != nil {
			return err
		}
		sum := sha256.New()
		if err := bulkLayer(io.MultiWriter(w, sum), files, version); err != nil {
			return err
		}
		names, diffIDs = append(names, name), append(diffIDs, digest.NewDigest(digest.SHA256, sum).String())
	}
	config := must(json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{"Cmd": []string{fmt.Sprint("edition ", version)}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	}))
	if err := put("config.json", config); err != nil {
		return err
	}
	manifest := []map[string]any{{"Config": "config.json", "RepoTags": []string{fmt.Sprint("torture-load:v", version)}, "Layers": names}}
	if err := put("manifest.json", must(json.Marshal(manifest))); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}
