package main

import (
	"io"
	"net"
	"sync/atomic"
)

// A line passes connections on to a server and counts the bytes that come back,
// all of them: headers and bodies.
type line struct {
	listener net.Listener
	to       string
	bytes    atomic.Int64
}

func newLine(to string) (*line, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &line{listener: l, to: to}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go n.pass(c)
		}
	}()
	return n, nil
}

func (n *line) addr() string    { return n.listener.Addr().String() }
func (n *line) received() int64 { return n.bytes.Load() }
func (n *line) close()          { n.listener.Close() }

func (n *line) pass(c net.Conn) {
	defer c.Close()
	s, err := net.Dial("tcp", n.to)
	if err != nil {
		return
	}
	defer s.Close()
	go func() {
		_, _ = io.Copy(s, c)
		_ = s.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(&countingWriter{c, &n.bytes}, s)
}

type countingWriter struct {
	w io.Writer
	n *atomic.Int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n.Add(int64(n))
	return n, err
}
