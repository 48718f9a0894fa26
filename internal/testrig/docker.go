package testrig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A Daemon is a Docker daemon that answers.
type Daemon struct {
	Host    string // as in DOCKER_HOST
	Version string // of the engine
}

// Docker gives a daemon with the classic image store.
func Docker(t testing.TB) Daemon {
	t.Helper()
	host := "unix:///var/run/docker.sock"
	for _, env := range []string{"DOCKER_HOST", "DOCKER_DELTA_TEST_DOCKER"} {
		if v := os.Getenv(env); v != "" {
			host = v
		}
	}
	return daemon(t, host, false)
}

// DockerContainerd gives a daemon with the containerd image store.
func DockerContainerd(t testing.TB) Daemon {
	t.Helper()
	host := os.Getenv("DOCKER_DELTA_TEST_DOCKER_CONTAINERD")
	if host == "" {
		Missing(t, "a daemon with the containerd image store (DOCKER_DELTA_TEST_DOCKER_CONTAINERD)")
	}
	return daemon(t, host, true)
}

// daemon checks that a daemon answers and has the image store that is wanted.
func daemon(t testing.TB, host string, containerd bool) Daemon {
	t.Helper()
	info, err := dockerInfo(host)
	if err != nil {
		Missing(t, "a Docker daemon at %s: %v", host, err)
	}
	if info.containerd() != containerd {
		Missing(t, "a Docker daemon with the other image store than the one at %s", host)
	}
	return Daemon{Host: host, Version: info.ServerVersion}
}

type engineInfo struct {
	ServerVersion string
	DriverStatus  [][2]string
}

func (i engineInfo) containerd() bool {
	for _, kv := range i.DriverStatus {
		if kv[0] == "driver-type" && strings.HasPrefix(kv[1], "io.containerd.snapshotter.") {
			return true
		}
	}
	return false
}

func dockerInfo(host string) (engineInfo, error) {
	var info engineInfo
	u, err := url.Parse(host)
	if err != nil {
		return info, err
	}
	network, address := u.Scheme, u.Host
	switch u.Scheme {
	case "unix":
		address = u.Path
	case "tcp":
	default:
		return info, fmt.Errorf("cannot ask a daemon by %q", u.Scheme)
	}
	client := &http.Client{
		Timeout: 20 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, address)
			},
		},
	}
	resp, err := client.Get("http://docker/info")
	if err != nil {
		return info, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return info, fmt.Errorf("status %s", resp.Status)
	}
	return info, json.NewDecoder(resp.Body).Decode(&info)
}

// Command runs the docker client on this daemon; it must succeed. What it
// prints is returned without the white space around it.
func (d Daemon) Command(t testing.TB, args ...string) string {
	t.Helper()
	return Run(t, "docker", append([]string{"--host", d.Host}, args...)...)
}

// Has tells whether the daemon has an image of this name or ID.
func (d Daemon) Has(t testing.TB, image string) bool {
	t.Helper()
	cmd := exec.Command(Program(t, "docker"), "--host", d.Host, "image", "inspect", image)
	var out bytes.Buffer
	cmd.Stderr = &out
	err := cmd.Run()
	if err != nil && !strings.Contains(strings.ToLower(out.String()), "no such image") {
		t.Fatalf("docker image inspect %s: %v: %s", image, err, out.String())
	}
	return err == nil
}

// Remove removes images by name, now and again when the test ends; images that
// are not there are no error.
func (d Daemon) Remove(t testing.TB, images ...string) {
	t.Helper()
	remove := func() {
		for _, i := range images {
			_ = exec.Command("docker", "--host", d.Host, "image", "rm", "--force", i).Run()
		}
	}
	remove()
	t.Cleanup(remove)
}

// RunImage runs an image without a network and gives what it prints. Daemons
// in tests may have no bridge, and these programs need none.
func (d Daemon) RunImage(t testing.TB, image string, args ...string) string {
	t.Helper()
	return d.Command(t, append([]string{"run", "--rm", "--network", "none", image}, args...)...)
}
