package main

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// imageIdentity reads a docker-archive in one pass and gives its image ID, once
// every layer in it has proved to have the DiffID that the config claims.
func imageIdentity(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sums := map[string]string{}  // hash by entry name
	small := map[string][]byte{} // what could be JSON
	tr := tar.NewReader(bufio.NewReaderSize(f, 1<<20))
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		switch h.Typeflag {
		case tar.TypeReg:
		case tar.TypeSymlink, tar.TypeLink:
			// Old archives share a layer between images in this way.
			sums[h.Name] = sums[linkTarget(h)]
			continue
		default:
			continue
		}
		sum := sha256.New()
		var keep strings.Builder
		w := io.Writer(sum)
		if h.Size < 4<<20 {
			w = io.MultiWriter(sum, &keep)
		}
		if _, err := io.Copy(w, tr); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		sums[h.Name] = "sha256:" + hex.EncodeToString(sum.Sum(nil))
		if keep.Len() > 0 {
			small[h.Name] = []byte(keep.String())
		}
	}
	var manifests []struct {
		Config string
		Layers []string
	}
	if err := json.Unmarshal(small["manifest.json"], &manifests); err != nil {
		return "", fmt.Errorf("%s: manifest.json: %w", name, err)
	}
	if len(manifests) != 1 {
		return "", fmt.Errorf("%s: %d images, not one", name, len(manifests))
	}
	var config struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	m := manifests[0]
	if err := json.Unmarshal(small[m.Config], &config); err != nil {
		return "", fmt.Errorf("%s: config: %w", name, err)
	}
	if len(config.RootFS.DiffIDs) != len(m.Layers) {
		return "", fmt.Errorf("%s: %d layers for %d DiffIDs", name, len(m.Layers), len(config.RootFS.DiffIDs))
	}
	for i, l := range m.Layers {
		if sums[l] != config.RootFS.DiffIDs[i] {
			return "", fmt.Errorf("%s: layer %d is %s, not %s", name, i, sums[l], config.RootFS.DiffIDs[i])
		}
	}
	return sums[m.Config], nil
}

func linkTarget(h *tar.Header) string {
	if h.Typeflag == tar.TypeLink {
		return h.Linkname
	}
	name, up := h.Name, h.Linkname
	name = name[:strings.LastIndexByte(name, '/')+1]
	for strings.HasPrefix(up, "../") {
		up = up[3:]
		name = strings.TrimSuffix(name, "/")
		name = name[:strings.LastIndexByte(name, '/')+1]
	}
	return name + up
}
