package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// containerImage writes an oci-archive with an image for each Linux platform:
// the program, a directory for temporary files, and licences.
func (r *release) containerImage(programs map[platform][]byte, manual []file) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range r.targets {
		if p.OS != "linux" {
			continue
		}
		img, err := r.image(p, programs[p], manual)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        img,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.OS, Architecture: p.Arch}},
		})
	}
	dir, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// The index of the layout names one image, for all platforms, by its version.
	top, err := layout.Write(dir, mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	if err != nil {
		return err
	}
	if err := top.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": r.version})); err != nil {
		return err
	}
	files, err := readTree(dir)
	if err != nil {
		return err
	}
	data, err := r.tar(files)
	if err != nil {
		return err
	}
	return r.write("docker-delta_"+r.version+".oci.tar", data)
}

// image is the program, and the licences that go with it.
func (r *release) image(p platform, program []byte, manual []file) (v1.Image, error) {
	const doc = "usr/share/doc/docker-delta/"
	files := []file{{"tmp/", nil, 0o1777}, {"usr/", nil, 0o755}, {"usr/bin/", nil, 0o755}, {"usr/bin/docker-delta", program, 0o755},
		{"usr/share/", nil, 0o755}, {"usr/share/doc/", nil, 0o755}, {doc, nil, 0o755}}
	for _, f := range manual {
		if f.name == "LICENSE" || f.name == thirdParty {
			f.name = doc + f.name
			files = append(files, f)
		}
	}
	content, err := r.tar(files)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	img, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
		mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "docker-delta " + r.version, Created: v1.Time{Time: r.time}}})
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = p.OS, p.Arch, v1.Time{Time: r.time}
	config.Config.Entrypoint = []string{"/usr/bin/docker-delta"}
	config.Config.Env = []string{"PATH=/usr/bin", "HOME=/tmp"}
	config.Config.Labels = map[string]string{
		"org.opencontainers.image.title":    "docker-delta",
		"org.opencontainers.image.version":  r.version,
		"org.opencontainers.image.licenses": "Apache-2.0",
		"org.opencontainers.image.source":   "https://github.com/docker-delta/docker-delta",
	}
	return mutate.ConfigFile(img, config)
}

// readTree reads the files below a directory, in the order of their names.
func readTree(dir string) ([]file, error) {
	var files []file
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files = append(files, file{filepath.ToSlash(name), data, 0o644})
		return err
	})
	slices.SortFunc(files, func(a, b file) int {
		// oci-layout first, so that readers of streams know at once what it is.
		switch {
		case a.name == "oci-layout":
			return -1
		case b.name == "oci-layout":
			return 1
		}
		return bytes.Compare([]byte(a.name), []byte(b.name))
	})
	return files, err
}
