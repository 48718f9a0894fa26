package image

import (
	"errors"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// several is archives of the images a:v1, a:v2 and one without a name.
func several(t testing.TB) (imgs []*fakeImage, trees map[string]files) {
	for i := range 3 {
		imgs = append(imgs, fixture{seed: uint64(20 + i), compress: "gzip"}.build(t))
	}
	tags := []string{"reg.example/a:v1", "reg.example/a:v2"}
	trees = map[string]files{"docker": oldDockerFiles(t, tags, imgs...)}
	oci, both := files{}, oldDockerFiles(t, tags, imgs...)
	for _, f := range []files{oci, both} {
		ociFiles(t, f,
			withName(withName(f.addImage(imgs[0]), containerdNameAnnotation, tags[0]), ocispec.AnnotationRefName, "v1"),
			withName(f.addImage(imgs[1]), ocispec.AnnotationRefName, tags[1]),
			f.addImage(imgs[2]))
	}
	trees["oci"], trees["both"] = oci, both
	return imgs, trees
}

func TestSelect(t *testing.T) {
	imgs, trees := several(t)
	for name, f := range trees {
		path := put(t, "several.tar", f.tar(t))
		for sel, want := range map[string]int{
			":reg.example/a:v1": 0, ":reg.example/a:v2": 1, ":@0": 0, ":@1": 1, ":@2": 2,
			":reg.example/a:v3": -1, ":@3": -1, ":@-1": -1, ":@x": -1, ":": -1, "": -1,
			":@" + imgs[1].descriptor().Digest.String(): map[string]int{"docker": -1}[name] + map[string]int{"oci": 1, "both": 1}[name],
		} {
			img, err := Open(t.Context(), path+sel, Options{})
			if want < 0 {
				if err == nil {
					img.Close()
					t.Errorf("%s%s opened", name, sel)
				} else if !strings.Contains(err.Error(), "reg.example/a:v1") || !strings.Contains(err.Error(), "@2 (no name)") {
					t.Errorf("%s%s: the error does not list the images: %v", name, sel, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s%s: %v", name, sel, err)
				continue
			}
			same(t, imgs[want], img, name != "docker")
			if wantNames := [][]string{{"reg.example/a:v1"}, {"reg.example/a:v2"}, nil}[want]; !slices.Equal(img.Names(), wantNames) {
				t.Errorf("%s%s: names %v, want %v", name, sel, img.Names(), wantNames)
			}
			img.Close()
		}
	}
}

func (i *fakeImage) descriptor() ocispec.Descriptor { return parseOrPanic(i.manifest).descriptor() }

func TestSelectByTransport(t *testing.T) {
	imgs, trees := several(t)
	docker, oci, both := put(t, "d", trees["docker"].tar(t)), put(t, "o", trees["oci"].tar(t)), put(t, "b", trees["both"].tar(t))
	dir := trees["oci"].dir(t, t.TempDir())
	same(t, imgs[0], mustOpen(t, "docker-archive:"+docker+":reg.example/a:v1", Options{}), false)
	same(t, imgs[1], mustOpen(t, "docker-archive:"+both+":@1", Options{}), true)
	same(t, imgs[0], mustOpen(t, "oci-archive:"+oci+":v1", Options{}), true)
	same(t, imgs[0], mustOpen(t, "oci-archive:"+both+":v1", Options{}), true)
	same(t, imgs[0], mustOpen(t, "oci:"+dir+":v1", Options{}), true)
	same(t, imgs[1], mustOpen(t, "oci:"+dir+":reg.example/a:v2", Options{}), true)
	same(t, imgs[2], mustOpen(t, "oci:"+dir+":@2", Options{}), true)
	for _, bad := range []string{"docker-archive:" + oci + ":reg.example/a:v1", "oci-archive:" + docker + ":v1", "dir:" + docker} {
		if _, err := Open(t.Context(), bad, Options{}); err == nil || !strings.Contains(err.Error(), "expected what") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// Two tags of one image are one image with two names.
func TestOneImageTwoNames(t *testing.T) {
	img := fixture{seed: 30, compress: "gzip"}.build(t)
	f := files{}
	d := f.addImage(img)
	ociFiles(t, f, withName(d, containerdNameAnnotation, "docker.io/library/a:1"), withName(d, containerdNameAnnotation, "docker.io/library/b:2"))
	got := mustOpen(t, put(t, "x", f.tar(t)), Options{})
	if !slices.Equal(got.Names(), []string{"docker.io/library/a:1", "docker.io/library/b:2"}) {
		t.Errorf("names %v", got.Names())
	}
}

func TestParseReference(t *testing.T) {
	dir := files{"plain": nil, "with:colon": nil, "sub/x": nil}.dir(t, t.TempDir())
	t.Chdir(dir)
	for in, want := range map[string]Reference{
		"docker-daemon:a:v1":               {DockerDaemon, "a:v1", "", ""},
		"docker-archive:plain:a:v1":        {DockerArchive, "plain", "a:v1", ""},
		"docker-archive:none.tar:a:v1":     {DockerArchive, "none.tar", "a:v1", ""},
		"docker-archive:with:colon:a:v1":   {DockerArchive, "with:colon", "a:v1", ""},
		"oci:sub:tag":                      {OCILayout, "sub", "tag", ""},
		"oci-archive:plain":                {OCIArchive, "plain", "", ""},
		"dir:sub":                          {Dir, "sub", "", ""},
		"docker://reg.example:5000/a/b:v1": {Registry, "reg.example:5000/a/b:v1", "", ""},
		"containers-storage:a:v1":          {ContainersStorage, "a:v1", "", ""},
		"plain":                            {FilePath, "plain", "", ""},
		"plain:a:v1":                       {FilePath, "plain", "a:v1", ""},
		"with:colon":                       {FilePath, "with:colon", "", ""},
		"with:colon:@1":                    {FilePath, "with:colon", "@1", ""},
		"./sub":                            {FilePath, "./sub", "", ""},
		"alpine":                           {DockerDaemon, "alpine", "", ""},
		"reg.example:5000/a:v1":            {DockerDaemon, "reg.example:5000/a:v1", "", ""},
		"docker:27-cli":                    {DockerDaemon, "docker:27-cli", "", ""}, // an image of that name
		"sha256:abc":                       {DockerDaemon, "sha256:abc", "", ""},
		"-":                                {Stdio, "-", "", ""},
	} {
		want.raw = in
		if got, err := ParseReference(in); err != nil || got != want {
			t.Errorf("%s: %+v %v, want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "docker://", "oci:", "docker-archive:", "dir:"} {
		if got, err := ParseReference(in); err == nil {
			t.Errorf("%q: %+v", in, got)
		}
	}
	for _, in := range []string{"./absent", "/absent/x.tar", "../absent", "absent/"} {
		if _, err := ParseReference(in); !errors.Is(err, ErrNotFound) || !strings.HasPrefix(err.Error(), in+": no such file or directory; check the name") {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestParseDestination(t *testing.T) {
	for in, want := range map[string]Reference{
		"out.tar":                   {DockerArchive, "out.tar", "", ""},
		"./a:b":                     {DockerArchive, "./a:b", "", ""},
		"-":                         {Stdio, "-", "", ""},
		"docker-archive:x.tar:a:v1": {DockerArchive, "x.tar", "a:v1", ""},
		"oci:x:v1":                  {OCILayout, "x", "v1", ""},
		"docker-daemon:a":           {DockerDaemon, "a", "", ""},
		"docker://reg.example/a:v1": {Registry, "reg.example/a:v1", "", ""},
		"oci-archive:x:reg.ex/a:v1": {OCIArchive, "x", "reg.ex/a:v1", ""},
		"containers-storage:a:v1":   {ContainersStorage, "a:v1", "", ""},
	} {
		want.raw = in
		if got, err := ParseDestination(in); err != nil || got != want {
			t.Errorf("%s: %+v %v, want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "app:v1", "docker-daemon:A B", "docker-daemon:a@sha256:" + strings.Repeat("0", 64), "docker-archive:x:@1", "oci:x:@0", "docker-archive:x:A B"} {
		if got, err := ParseDestination(in); err == nil {
			t.Errorf("%q: %+v", in, got)
		}
	}
}
