package main

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

// buildTimes makes the python application's layer as two builds of the same
// source would: the same files, written at the pace of a build on two days.
func buildTimes(ctx context.Context, w *workshop, dir string) ([2]image, error) {
	var images [2]image
	if _, err := w.pair(ctx, "python"); err != nil {
		return images, err
	}
	d, err := w.findDebian(ctx)
	if err != nil {
		return images, err
	}
	from := layerNames(w.pairDir("python"))[0]
	for i, layer := range layerNames(dir) {
		start := d.epoch("v1").AddDate(0, 0, 17*i)
		pace := 170 + 40*i // entries a second
		if err := retime(layer, from, start, pace); err != nil {
			return images, err
		}
		images[i] = image{
			created: start, cmd: []string{"python3", "/srv/app/main.py"}, env: searchPath,
			layers: []string{layerNames(w.pairDir("base"))[0], layer},
		}
	}
	return images, nil
}

// retime copies a layer, with the times that a build would have given.
func retime(out, from string, start time.Time, pace int) error {
	l, err := createLayer(out)
	if err != nil {
		return err
	}
	n := 0
	return l.finish(walkTar(from, func(h *tar.Header, r io.Reader) error {
		h.ModTime = start.Add(time.Duration(n/pace) * time.Second)
		n++
		return l.copyEntry(h, r)
	}))
}

// buildShuffled cuts the files of base and python application into layers in
// two ways, as happens when the lines of a Dockerfile are put in another order.
func buildShuffled(ctx context.Context, w *workshop, dir string) ([2]image, error) {
	var images [2]image
	if _, err := w.pair(ctx, "python"); err != nil {
		return images, err
	}
	d, err := w.findDebian(ctx)
	if err != nil {
		return images, err
	}
	full, err := d.root(ctx, pythonRoot, "v1")
	if err != nil {
		return images, err
	}
	for i, cut := range []func(string) int{cutByTree, cutByKind} {
		var layers []string
		for n := range 3 {
			layer := filepath.Join(dir, fmt.Sprintf("v%d.%d.layer.tar", i+1, n))
			l, err := createLayer(layer)
			if err != nil {
				return images, err
			}
			err = walkTar(full, func(h *tar.Header, r io.Reader) error {
				// A hard link stays with its target, directories come with the first layer.
				name := h.Name
				if h.Typeflag == tar.TypeLink {
					name = h.Linkname
				}
				if h.Typeflag == tar.TypeDir && n > 0 || h.Typeflag != tar.TypeDir && cut(name) != n {
					return nil
				}
				return l.copyEntry(h, r)
			})
			if err := l.finish(err); err != nil {
				return images, err
			}
			layers = append(layers, layer)
		}
		images[i] = image{created: d.epoch("v1"), cmd: []string{"bash"}, env: searchPath, layers: layers}
	}
	return images, nil
}

func cutByTree(name string) int {
	switch {
	case strings.HasPrefix(name, "usr/share/"):
		return 1
	case strings.HasPrefix(name, "usr/lib/"):
		return 2
	}
	return 0
}

func cutByKind(name string) int {
	switch {
	case strings.Contains(name, "python"):
		return 2
	case strings.Contains(name, ".so") || strings.HasSuffix(name, ".gz"):
		return 1
	}
	return 0
}
