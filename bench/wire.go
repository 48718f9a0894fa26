package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

// A wireRow is what bringing a pair's new version to a host with the old one
// moves, by a plain pull and by docker-delta.
type wireRow struct {
	Pair  string      `json:"pair"`
	Title string      `json:"title"`
	Whole int64       `json:"whole"` // layers of the new version, compressed
	New   int64       `json:"new"`   // those of them that the old version does not have
	Delta int64       `json:"delta"` // the package, as the registry lists it
	Hosts []wireBytes `json:"hosts"`
}

// wireBytes are the bytes that a host received, with HTTP's headers.
type wireBytes struct {
	Store string `json:"store"`
	Plain int64  `json:"plain"` // docker pull
	Ours  int64  `json:"ours"`  // docker-delta pull
}

type wireReport struct {
	Suite    string            `json:"suite"`
	Versions map[string]string `json:"versions"`
	Rows     []wireRow         `json:"rows"`
}

// A wirehouse has a registry behind a line that counts.
type wirehouse struct {
	ctx         context.Context
	registry    string // where the line begins
	line        *line
	daemons     []daemon
	stop        func()
	endRegistry func()
}

// A daemon is a Docker daemon and the kind of its image store.
type daemon struct{ host, store, version string }

// wire measures pairs, and prints and keeps the figures.
func (s settings) wire(ctx context.Context, dir string, pairs []pair) error {
	tmp, err := os.MkdirTemp(dir, "wire-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if ours, err = s.ourProgram(ctx, tmp); err != nil {
		return err
	}
	hosts := split(s.daemons)
	if len(hosts) == 0 {
		hosts = defaultDaemons()
	}
	suite := s.suite
	if suite == "" {
		suite, _ = hostSuite()
	}
	rep := &wireReport{Suite: suite, Versions: map[string]string{}}
	w, err := newWirehouse(ctx, tmp, hosts)
	if err != nil {
		return err
	}
	defer w.close()
	for _, d := range w.daemons {
		rep.Versions[d.store] = d.version
	}
	for _, p := range pairs {
		row, err := w.measure(p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		rep.Rows = append(rep.Rows, row)
		writeWireTable(os.Stderr, &wireReport{Rows: rep.Rows[len(rep.Rows)-1:]})
	}
	writeWireTable(os.Stdout, rep)
	if s.docs == "" {
		return nil
	}
	return writeWireDocs(s.docs, rep)
}

// defaultDaemons are docker's own, and one with the other store as the tests know it.
func defaultDaemons() []string {
	list := []string{os.Getenv("DOCKER_HOST")}
	if list[0] == "" {
		list[0] = "unix:///var/run/docker.sock"
	}
	if other := os.Getenv("DOCKER_DELTA_TEST_DOCKER_CONTAINERD"); other != "" {
		list = append(list, other)
	}
	return list
}

func newWirehouse(ctx context.Context, tmp string, hosts []string) (*wirehouse, error) {
	ctx, stop := context.WithCancel(ctx)
	w := &wirehouse{ctx: ctx, stop: stop}
	if err := w.start(tmp, hosts); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *wirehouse) start(tmp string, hosts []string) error {
	for _, h := range hosts {
		out, err := exec.CommandContext(w.ctx, "docker", "-H", h, "info", "--format", "{{.ServerVersion}} {{json .DriverStatus}}").Output()
		if err != nil {
			return fmt.Errorf("docker info of %s: %w", h, err)
		}
		version, status, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
		store := "classic"
		if strings.Contains(status, "io.containerd.snapshotter.") {
			store = "containerd"
		}
		w.daemons = append(w.daemons, daemon{h, store, version})
	}
	server, end, err := testrig.StartRegistry(tmp)
	if err != nil {
		return err
	}
	w.endRegistry = end
	if w.line, err = newLine(server); err != nil {
		return err
	}
	w.registry = w.line.addr()
	return nil
}

func (w *wirehouse) close() {
	w.stop()
	if w.endRegistry != nil {
		w.endRegistry()
	}
	if w.line != nil {
		w.line.close()
	}
}

// run runs a command and gives what it prints.
func (w *wirehouse) run(name string, args ...string) (string, error) {
	cmd := exec.CommandContext(w.ctx, name, args...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return "", fmt.Errorf("%s: %w\n%s", cmd, err, lastLines(string(exit.Stderr), 10))
		}
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}

// measure publishes a pair and brings its new version to each daemon, twice.
func (w *wirehouse) measure(p pair) (wireRow, error) {
	row := wireRow{Pair: p.Name, Title: p.Title}
	repo := w.registry + "/docker-delta-bench/" + p.Name
	say("pushing the pair %s", p.Name)
	for i, file := range []string{p.V1, p.V2} {
		if _, err := w.run("skopeo", "copy", "-q", "--dest-tls-verify=false", "docker-archive:"+file, fmt.Sprintf("docker://%s:v%d", repo, i+1)); err != nil {
			return row, err
		}
	}
	if err := w.sizes(&row, repo); err != nil {
		return row, err
	}
	if _, err := w.run(ours, "publish", "-q", "--tls-verify=false", repo+":v2", "--from", "v1", "--max-percent", "100"); err != nil {
		return row, err
	}
	if err := w.listed(&row, repo); err != nil {
		return row, err
	}
	for _, d := range w.daemons {
		say("pulling the pair %s into the %s store", p.Name, d.store)
		b, err := w.pulls(d, repo)
		if err != nil {
			return row, fmt.Errorf("%s store: %w", d.store, err)
		}
		// Less would mean that the daemon had some of it from elsewhere.
		if b.Plain < row.New {
			return row, fmt.Errorf("%s store: docker pull received %d bytes, and the layers that v1 lacks have %d", d.store, b.Plain, row.New)
		}
		row.Hosts = append(row.Hosts, b)
	}
	return row, nil
}

// pulls brings the new version to a daemon that has the old one: by docker-delta,
// and when it is removed again, by docker.
func (w *wirehouse) pulls(d daemon, repo string) (b wireBytes, err error) {
	b.Store = d.store
	v1, v2 := repo+":v1", repo+":v2"
	docker := func(args ...string) (string, error) {
		return w.run("docker", append([]string{"-H", d.host}, args...)...)
	}
	defer func() { _, _ = docker("rmi", "-f", v1, v2) }()
	if _, err := docker("pull", "-q", v1); err != nil {
		return b, err
	}
	var ids []string
	for _, way := range []struct {
		bytes *int64
		pull  func() (string, error)
	}{
		{&b.Ours, func() (string, error) {
			return w.run(ours, "-H", d.host, "pull", "--tls-verify=false", "--no-progress", "--no-fallback", v2)
		}},
		{&b.Plain, func() (string, error) { return docker("pull", "-q", v2) }},
	} {
		before := w.line.received()
		if _, err := way.pull(); err != nil {
			return b, err
		}
		*way.bytes = w.line.received() - before
		id, err := docker("image", "inspect", "--format", "{{.Id}}", v2)
		if err != nil {
			return b, err
		}
		ids = append(ids, id)
		if _, err := docker("rmi", v2); err != nil {
			return b, err
		}
	}
	if ids[0] != ids[1] {
		return b, fmt.Errorf("docker-delta brought %s, docker %s", ids[0], ids[1])
	}
	return b, nil
}

// sizes asks the registry for the layers.
func (w *wirehouse) sizes(row *wireRow, repo string) error {
	var layers [2][]descriptor
	for i := range layers {
		out, err := w.run("skopeo", "inspect", "--raw", "--tls-verify=false", fmt.Sprintf("docker://%s:v%d", repo, i+1))
		if err != nil {
			return err
		}
		var m struct{ Layers []descriptor }
		if err := json.Unmarshal([]byte(out), &m); err != nil {
			return err
		}
		layers[i] = m.Layers
	}
	for _, l := range layers[1] {
		row.Whole += l.Size
		if !slices.ContainsFunc(layers[0], func(o descriptor) bool { return o.Digest == l.Digest }) {
			row.New += l.Size
		}
	}
	return nil
}

func (w *wirehouse) listed(row *wireRow, repo string) error {
	out, err := w.run(ours, "list", "--tls-verify=false", "--format", "json", repo+":v2")
	if err != nil {
		return err
	}
	var list []struct{ Size int64 }
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return err
	}
	if len(list) != 1 {
		return fmt.Errorf("the registry lists %d deltas", len(list))
	}
	row.Delta = list[0].Size
	return nil
}
