package testrig

import (
	"bytes"
	"net/http"
	"path/filepath"
	"testing"
)

func TestHelloImageRunsInEveryDaemon(t *testing.T) {
	for name, get := range map[string]func(testing.TB) Daemon{"classic": Docker, "containerd": DockerContainerd} {
		t.Run(name, func(t *testing.T) {
			d := get(t)
			im := HelloImage(t, "docker-delta-test/rig-hello:v1", 1)
			archive := filepath.Join(t.TempDir(), "hello.tar")
			im.SaveDockerArchive(t, archive)
			d.Remove(t, im.Name)
			d.Command(t, "load", "-i", archive)
			if !d.Has(t, im.Name) {
				t.Fatalf("%s was loaded and is not there", im.Name)
			}
			if got := d.RunImage(t, im.Name); got != Greeting(1) {
				t.Errorf("the image printed %q, want %q", got, Greeting(1))
			}
			d.Remove(t, im.Name)
			if d.Has(t, im.Name) {
				t.Errorf("%s was removed and is still there", im.Name)
			}
		})
	}
}

func TestSkopeoReadsTheArchive(t *testing.T) {
	im := HelloImage(t, "docker-delta-test/rig-hello:v2", 2)
	archive := filepath.Join(t.TempDir(), "hello.tar")
	im.SaveDockerArchive(t, archive)
	config := Run(t, "skopeo", "inspect", "--config", "--raw", "docker-archive:"+archive)
	if got, want := Digest([]byte(config)), im.ID(); got != want {
		t.Errorf("skopeo reads a config with digest %s, want %s", got, want)
	}
}

func TestRegistryLetsUsersIn(t *testing.T) {
	status := func(addr, user, password string) int {
		req, err := http.NewRequest("GET", "http://"+addr+"/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			req.SetBasicAuth(user, password)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := status(Registry(t), "", ""); got != http.StatusOK {
		t.Errorf("open registry: status %d", got)
	}
	locked := RegistryWithLogin(t)
	for password, want := range map[string]int{Password: http.StatusOK, "wrong": http.StatusUnauthorized} {
		if got := status(locked, User, password); got != want {
			t.Errorf("password %q: status %d, want %d", password, got, want)
		}
	}
}

func TestImagesAreDeterministic(t *testing.T) {
	var a, b bytes.Buffer
	im := Image{Name: "a:b", Layers: [][]byte{Layer(File{Name: "d/"}, File{Name: "d/f", Data: []byte("x")}, File{Name: "l", Link: "d/f"})}}
	if err := im.WriteDockerArchive(&a); err != nil {
		t.Fatal(err)
	}
	if err := im.WriteDockerArchive(&b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two writings of one image differ")
	}
}

func TestVersionsOfHelloDiffer(t *testing.T) {
	if bytes.Equal(Hello(t, 1), Hello(t, 2)) {
		t.Error("both versions are the same program")
	}
}
