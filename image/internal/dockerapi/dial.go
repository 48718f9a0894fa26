package dockerapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// transport makes the HTTP transport of an endpoint and the base URL of requests.
func transport(e Endpoint) (*http.Transport, *url.URL, error) {
	t := &http.Transport{
		DisableCompression:  true,
		MaxIdleConns:        4,
		IdleConnTimeout:     30 * time.Second,
		TLSHandshakeTimeout: 20 * time.Second,
		TLSClientConfig:     e.TLS,
	}
	u, err := url.Parse(e.Host)
	if err != nil {
		return nil, nil, fmt.Errorf("the docker host %q is not understood: %w", e.Host, err)
	}
	base := &url.URL{Scheme: "http", Host: "docker"}
	dialer := &net.Dialer{Timeout: 30 * time.Second}
	switch u.Scheme {
	case "unix":
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", u.Path)
		}
	case "ssh":
		args, err := sshArgs(u)
		if err != nil {
			return nil, nil, err
		}
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialCommand(ctx, "ssh", args...) }
	case "tcp", "http", "https":
		base.Host, base.Path = u.Host, strings.TrimSuffix(u.Path, "/")
		if e.TLS != nil || u.Scheme == "https" {
			base.Scheme = "https"
		}
		t.DialContext = dialer.DialContext
		t.Proxy = http.ProxyFromEnvironment
	default:
		return nil, nil, fmt.Errorf("the docker host %s cannot be used by this build; expected unix://, tcp:// or ssh://", e.Host)
	}
	return t, base, nil
}

// sshArgs is the command line of docker's own ssh helper.
func sshArgs(u *url.URL) ([]string, error) {
	if u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || (u.Path != "" && u.Path != "/") {
		return nil, fmt.Errorf("the docker host %q is not understood; expected ssh://user@host:port", u)
	}
	if _, ok := u.User.Password(); ok {
		return nil, errors.New("an ssh docker host cannot hold a password; use a key")
	}
	args := []string{"-o", "ConnectTimeout=30", "-T"}
	if name := u.User.Username(); name != "" {
		args = append(args, "-l", name)
	}
	if u.Port() != "" {
		args = append(args, "-p", u.Port())
	}
	// "--" keeps a host that begins with a dash from being an option.
	return append(args, "--", u.Hostname(), "docker", "system", "dial-stdio"), nil
}

// commandConn is a connection over the standard streams of a program.
type commandConn struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    io.ReadCloser
	stderr *tail
	close  sync.Once
	wait   sync.Once
	done   chan struct{} // closed when the program has ended
}

func dialCommand(ctx context.Context, name string, args ...string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// The connection outlives ctx, which is that of one request.
	c := &commandConn{cmd: exec.Command(name, args...), stderr: &tail{}, done: make(chan struct{})}
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.out, err = c.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	c.cmd.Stderr = c.stderr
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return c, nil
}

func (c *commandConn) Read(p []byte) (int, error) {
	n, err := c.out.Read(p)
	if n == 0 && err != nil {
		err = c.explain(err)
	}
	return n, err
}

func (c *commandConn) Write(p []byte) (int, error) {
	n, err := c.in.Write(p)
	if err != nil {
		err = c.explain(err)
	}
	return n, err
}

// explain replaces the end of a stream by what the program said about it.
func (c *commandConn) explain(err error) error {
	c.ended(2 * time.Second)
	if msg := c.stderr.String(); msg != "" {
		return fmt.Errorf("%s: %s", c.cmd.Args[0], msg)
	}
	return err
}

// ended waits for the program, at most so long.
func (c *commandConn) ended(most time.Duration) bool {
	c.wait.Do(func() {
		go func() {
			_ = c.cmd.Wait()
			close(c.done)
		}()
	})
	select {
	case <-c.done:
		return true
	case <-time.After(most):
		return false
	}
}

func (c *commandConn) Close() error {
	c.close.Do(func() {
		c.in.Close()
		c.out.Close()
		if !c.ended(3 * time.Second) {
			_ = c.cmd.Process.Kill()
			<-c.done
		}
	})
	return nil
}

type commandAddr string

func (a commandAddr) Network() string { return "command" }
func (a commandAddr) String() string  { return string(a) }

func (c *commandConn) LocalAddr() net.Addr              { return commandAddr("local") }
func (c *commandConn) RemoteAddr() net.Addr             { return commandAddr(c.cmd.Path) }
func (c *commandConn) SetDeadline(time.Time) error      { return nil }
func (c *commandConn) SetReadDeadline(time.Time) error  { return nil }
func (c *commandConn) SetWriteDeadline(time.Time) error { return nil }

// tail keeps the beginning of what a program says on its standard error.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 4096 - t.b.Len(); room > 0 {
		t.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.b.String())
}
