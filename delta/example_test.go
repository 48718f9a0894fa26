package delta_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/demo"
)

// demoImages leaves two versions of an image in a directory, as oci-archives.
func demoImages(dir string) (v1, v2 string, err error) {
	names := [2]string{filepath.Join(dir, "v1.tar"), filepath.Join(dir, "v2.tar")}
	for i, name := range names {
		var b bytes.Buffer
		if err := demo.WriteImage(&b, i+1); err != nil {
			return "", "", err
		}
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			return "", "", err
		}
	}
	return names[0], names[1], nil
}

// Write the delta between two images, which may be files, directories, images
// in a registry or in the docker daemon.
func ExampleCreate() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	v1, v2, err := demoImages(dir)
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	base, err := image.Open(ctx, v1, image.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer base.Close()
	target, err := image.Open(ctx, v2, image.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer target.Close()

	var packed bytes.Buffer
	made, err := delta.Create(ctx, &packed,
		delta.Input{Bases: []image.Image{base}, Targets: []image.Image{target}},
		delta.CreateOptions{Level: delta.Fast, Exact: delta.ExactRequire})
	if err != nil {
		log.Fatal(err)
	}
	whole, err := os.Stat(v2)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("all of the package written:", made.Size == int64(packed.Len()))
	fmt.Println("less than a twentieth of the image:", made.Size*20 < whole.Size())
	// Output:
	// all of the package written: true
	// less than a twentieth of the image: true
}

// Rebuild the target from the base and the delta, and store it in a file.
func ExampleDelta_Rebuild() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	v1, v2, err := demoImages(dir)
	if err != nil {
		log.Fatal(err)
	}
	file := filepath.Join(dir, "update.delta")
	if err := createExample(v1, v2, file); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	d, err := delta.Open(ctx, file)
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	base, err := image.Open(ctx, v1, image.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer base.Close()
	rebuilt, err := d.Rebuild(ctx, base, delta.RebuildOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer rebuilt.Close()
	// Layers are decoded while they are written; nothing becomes visible before
	// all of it is verified.
	out := filepath.Join(dir, "rebuilt.tar")
	res, err := image.Write(ctx, "oci-archive:"+out, rebuilt, image.WriteOptions{Names: rebuilt.Names()})
	if err != nil {
		log.Fatal(err)
	}

	want, err := image.Open(ctx, v2, image.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer want.Close()
	manifest, _ := want.Manifest()
	again, _ := rebuilt.Manifest()
	fmt.Println("the same manifest:", bytes.Equal(manifest, again))
	fmt.Println("written as it was:", res.Original)
	// Output:
	// the same manifest: true
	// written as it was: true
}

// createExample writes a delta to a file.
func createExample(v1, v2, file string) error {
	ctx := context.Background()
	base, err := image.Open(ctx, v1, image.Options{})
	if err != nil {
		return err
	}
	defer base.Close()
	target, err := image.Open(ctx, v2, image.Options{})
	if err != nil {
		return err
	}
	defer target.Close()
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	in := delta.Input{Bases: []image.Image{base}, Targets: []image.Image{target}}
	if _, err := delta.Create(ctx, f, in, delta.CreateOptions{}); err != nil {
		return err
	}
	return f.Close()
}

// The same for two plain files.
func ExampleApplyFile() {
	ctx := context.Background()
	old := bytes.Repeat([]byte("the same sentence, over and over; "), 1000)
	changed := append(append([]byte("a new beginning; "), old[:20000]...), old[21000:]...)
	var patch bytes.Buffer
	err := delta.CreateFile(ctx, &patch, bytes.NewReader(old), int64(len(old)), bytes.NewReader(changed), int64(len(changed)), delta.FileOptions{})
	if err != nil {
		log.Fatal(err)
	}
	var again bytes.Buffer
	err = delta.ApplyFile(ctx, &again, bytes.NewReader(old), int64(len(old)), bytes.NewReader(patch.Bytes()), int64(patch.Len()), delta.Resources{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the new file is back:", bytes.Equal(again.Bytes(), changed))
	// Output:
	// the new file is back: true
}
