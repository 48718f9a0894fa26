package image

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// podmanDaemon is podman's own daemon on a storage of the test's own.
func podmanDaemon(t testing.TB) testDaemon {
	t.Helper()
	root := storageRoot(t)
	if out, err := podman(t, root, "info"); err != nil {
		need(t, "podman: %v\n%s", err, out)
	}
	socket := root + ".sock"
	cmd := exec.Command("podman", "--root", root, "--runroot", root+"-run", "--storage-driver", "vfs", "system", "service", "--time=0", "unix://"+socket)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for range 300 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return testDaemon{host: "unix://" + socket}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("podman's daemon does not answer")
	return testDaemon{}
}

// TestThinLoad sends only what the daemon lacks; what it then has is whole, also
// when the base is gone.
func TestThinLoad(t *testing.T) {
	stores := map[string]func(testing.TB) testDaemon{"classic": classicDaemon, "containerd": containerdDaemon, "podman": podmanDaemon}
	for store, start := range stores {
		t.Run(store, func(t *testing.T) {
			d := start(t)
			for i, c := range []struct {
				base, target []int // layers
				compress     string
				skipped      map[string]int
			}{
				{[]int{0, 1}, []int{0, 1, 2, 3}, "", map[string]int{"classic": 2, "containerd": 2, "podman": 2}},
				{[]int{0, 1}, []int{0, 1, 2, 3}, "gzip", map[string]int{"classic": 2, "containerd": 2, "podman": 2}},
				// Only the classic store wants the same layers below.
				{[]int{0, 1, 2}, []int{0, 3, 2}, "zstd", map[string]int{"classic": 1, "containerd": 2, "podman": 2}},
				{[]int{0, 1, 2}, []int{1, 2}, "gzip", map[string]int{"classic": 0, "containerd": 2, "podman": 2}},
				{[]int{0, 1}, []int{2, 3}, "gzip", map[string]int{"classic": 0, "containerd": 0, "podman": 0}},
			} {
				if testing.Short() && store == "podman" && i%2 == 1 {
					continue // podman takes its time
				}
				base, target := fmt.Sprintf("docker-delta-test/thin%d:base", i), fmt.Sprintf("docker-delta-test/thin%d:target", i)
				d.cleanup(t, target, base)
				opt := Options{DockerHost: d.host, Debugf: t.Logf}
				fx := fixture{seed: uint64(300 + i), layers: 4, only: c.base, compress: c.compress}
				one := fx.build(t)
				fx.only, fx.cmd = c.target, []string{"/other"}
				two := fx.build(t)
				mustWrite(t, "docker-daemon:"+base, one, WriteOptions{Options: opt})
				res := mustWrite(t, "docker-daemon:"+target, two, WriteOptions{Options: opt, Thin: true})
				sent := len(c.target) - c.skipped[store]
				if res.Skipped != c.skipped[store] || len(two.opened) != sent || res.Blobs != sent+1 { // and the config
					t.Errorf("%d: skipped %d layers, opened %v, sent %d blobs; want %d skipped", i, res.Skipped, two.opened, res.Blobs, c.skipped[store])
				}
				exact := d.containerd && c.compress != ""
				if res.Original != exact {
					t.Errorf("%d: Original = %v", i, res.Original)
				}
				d.remove(t, base)
				opt.ReadStore = ReadStoreNever
				same(t, two, mustOpen(t, "docker-daemon:"+target, opt), exact)
				// Without the base there is nothing to leave out.
				d.remove(t, target)
				two.opened = nil
				if res = mustWrite(t, "docker-daemon:"+target, two, WriteOptions{Options: opt, Thin: true}); len(two.opened) != len(c.target) {
					t.Errorf("%d: without the base %d layers were sent", i, len(two.opened))
				}
			}
		})
	}
}

// TestThinLoadByBase knows from the base what a containerd store has whose files
// cannot be read.
func TestThinLoadByBase(t *testing.T) {
	d := containerdDaemon(t)
	base, target := "docker-delta-test/thinbase:base", "docker-delta-test/thinbase:target"
	d.cleanup(t, target, base)
	opt := Options{DockerHost: d.host, Debugf: t.Logf, ReadStore: ReadStoreNever}
	mustWrite(t, "docker-daemon:"+base, fixture{seed: 320, layers: 2, compress: "gzip"}.build(t), WriteOptions{Options: opt})
	two := fixture{seed: 320, layers: 3, compress: "gzip"}.build(t)
	held := mustOpen(t, base, opt)
	res := mustWrite(t, "docker-daemon:"+target, two, WriteOptions{Options: opt, Thin: true, InDaemon: []Image{held}})
	if res.Skipped != 2 {
		t.Errorf("skipped %d layers, want 2", res.Skipped)
	}
	same(t, two, mustOpen(t, target, opt), true)
}

// TestThinLoadWithoutBase believes a wrong account of what a containerd store
// has: the daemon refuses, gets all layers, and nothing broken stays if those
// cannot be had.
func TestThinLoadWithoutBase(t *testing.T) {
	d := containerdDaemon(t)
	target := "docker-delta-test/thinwrong:target"
	seed := uint64(time.Now().UnixNano()) // the daemon may keep unnamed blobs of another run for a while
	d.cleanup(t, target)
	opt := Options{DockerHost: d.host, Debugf: t.Logf, ReadStore: ReadStoreNever}
	two := fixture{seed: seed, layers: 3, compress: "gzip"}.build(t)
	res := mustWrite(t, "docker-daemon:"+target, two, WriteOptions{Options: opt, Thin: true, InDaemon: []Image{fixture{seed: seed, layers: 2, compress: "gzip"}.build(t)}})
	if res.Skipped != 0 || !res.Original {
		t.Errorf("%+v", res)
	}
	same(t, two, mustOpen(t, target, opt), true)

	three := fixture{seed: seed + 1, layers: 3, compress: "gzip"}.build(t)
	broken := errors.New("the source broke")
	three.layers[0].(*fakeLayer).after = func() error { return broken }
	wopt := WriteOptions{Options: opt, Thin: true, InDaemon: []Image{fixture{seed: seed + 1, layers: 1, compress: "gzip"}.build(t)}}
	if _, err := Write(t.Context(), "docker-daemon:docker-delta-test/thinwrong:broken", three, wopt); !errors.Is(err, broken) {
		t.Errorf("broken source: %v", err)
	}
	daemon, err := Connect(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	if got, err := daemon.Inspect(t.Context(), digest.FromBytes(three.manifest).String()); !errors.Is(err, ErrNotFound) {
		t.Errorf("the daemon keeps a broken image: %+v %v", got, err)
	}
}

// TestThinLoadRace removes the base between the look at it and the load.
func TestThinLoadRace(t *testing.T) {
	d := containerdDaemon(t)
	base, target := "docker-delta-test/thinrace:base", "docker-delta-test/thinrace:target"
	d.cleanup(t, target, base)
	opt := Options{DockerHost: d.host, Debugf: t.Logf}
	mustWrite(t, "docker-daemon:"+base, fixture{seed: 340, layers: 2, compress: "gzip"}.build(t), WriteOptions{Options: opt})
	two := fixture{seed: 340, layers: 3, compress: "gzip"}.build(t)
	l := two.layers[2].(*fakeLayer)
	l.after = func() error { // while the third layer is sent
		l.after = nil
		d.remove(t, base)
		return io.EOF
	}
	_, err := Write(t.Context(), "docker-daemon:"+target, two, WriteOptions{Options: opt, Thin: true})
	if err != nil {
		t.Fatal(err)
	}
	opt.ReadStore = ReadStoreNever
	same(t, two, mustOpen(t, target, opt), true)
}
