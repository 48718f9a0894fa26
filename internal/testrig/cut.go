package testrig

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Cutter is a socket before a daemon's, which is cut in the middle of a load.
type Cutter struct {
	Host string // as in DOCKER_HOST
	// Cut is called once, when so many bytes of one connection have passed to the
	// daemon, and then both ends are closed.
	Cut   func()
	After int64
	// Answer waits for the last bytes of the load as well, so that only the
	// daemon's answer is lost.
	Answer bool

	to   string
	done atomic.Bool
}

// NewCutter listens in front of a daemon's unix socket. Nothing is cut as long as
// After is 0.
func NewCutter(t testing.TB, d Daemon) *Cutter {
	t.Helper()
	to, ok := strings.CutPrefix(d.Host, "unix://")
	if !ok {
		Missing(t, "a daemon with a unix socket: %s", d.Host)
	}
	dir, err := os.MkdirTemp("", "dd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "cut")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &Cutter{Host: "unix://" + path, to: to}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	return c
}

// Done tells whether the cut has been made, and makes ready for another.
func (c *Cutter) Done() bool { return c.done.Swap(false) }

func (c *Cutter) serve(client net.Conn) {
	defer client.Close()
	daemon, err := net.Dial("unix", c.to)
	if err != nil {
		return
	}
	defer daemon.Close()
	go func() {
		_, _ = io.Copy(client, daemon)
		client.Close()
	}()
	buf := make([]byte, 4096)
	for passed := int64(0); ; {
		n, err := client.Read(buf)
		if n > 0 {
			passed += int64(n)
			if _, err := daemon.Write(buf[:n]); err != nil {
				return
			}
		}
		// The end of a body in chunks.
		if c.After > 0 && passed >= c.After && (!c.Answer || bytes.HasSuffix(buf[:n], []byte("0\r\n\r\n"))) && !c.done.Swap(true) {
			if c.Cut != nil {
				c.Cut()
			}
			return
		}
		if err != nil {
			return
		}
	}
}
