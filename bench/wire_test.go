package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

// A line counts what comes back, exactly, and nothing that goes.
func TestLineCounts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answer := bytes.Repeat([]byte("answer"), 50_000)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadAll(c)
			_, _ = c.Write(answer)
			c.Close()
		}
	}()
	n, err := newLine(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	for i := 1; i <= 2; i++ {
		c, err := net.Dial("tcp", n.addr())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(make([]byte, 100_000))
		_ = c.(*net.TCPConn).CloseWrite()
		got, err := io.ReadAll(c)
		c.Close()
		if err != nil || !bytes.Equal(got, answer) {
			t.Fatalf("%d bytes came, %v", len(got), err)
		}
		if want := int64(i * len(answer)); n.received() != want {
			t.Errorf("%d connections: counted %d bytes, want %d", i, n.received(), want)
		}
	}
}

// The whole way with a small pair: both ways end on the same image, and what is
// counted lies between what must come and a little more.
func TestWire(t *testing.T) {
	for _, p := range []string{"skopeo", "docker-registry", "docker"} {
		testrig.Program(t, p)
	}
	d := testrig.Docker(t)
	dir := t.TempDir()
	p := pair{Name: "wire-test", Title: "Hello"}
	for i, path := range []*string{&p.V1, &p.V2} {
		*path = filepath.Join(dir, filepath.Base(t.Name())+string(rune('1'+i)))
		testrig.HelloImage(t, "hello:v", i+1).SaveDockerArchive(t, *path)
	}
	var err error
	if ours, err = (settings{}).ourProgram(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	w, err := newWirehouse(t.Context(), dir, []string{d.Host})
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	row, err := w.measure(p)
	if err != nil {
		t.Fatal(err)
	}
	got := row.Hosts[0]
	if got.Store != "classic" || got.Plain > row.New+10_000 || got.Ours < row.Delta || got.Ours > row.Delta+10_000 || row.Delta > row.New/2 {
		t.Errorf("%+v", row)
	}
	if d.Has(t, w.registry+"/docker-delta-bench/wire-test:v1") {
		t.Error("an image was left in the daemon")
	}
}

func TestWirePage(t *testing.T) {
	dir := t.TempDir()
	r := &wireReport{Suite: "bookworm", Versions: map[string]string{"classic": "20.10"}, Rows: []wireRow{
		{Title: "One", Whole: 2000, New: 1000, Delta: 90, Hosts: []wireBytes{{"classic", 1000, 100}}},
		{Title: "Two", Whole: 2000, New: 1000, Delta: 390, Hosts: []wireBytes{{"classic", 1000, 400}}},
	}}
	if err := writeWireDocs(dir, r); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "wire.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| Two | 2,000 | 1,000 | 390 | 1,000 | **400** | 40% |", "classic: docker-delta pull",
		"classic store of Docker 20.10", "Geometric mean of the shares: 0.20 in the classic store.",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}
