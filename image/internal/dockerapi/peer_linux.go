package dockerapi

import (
	"net"
	"net/url"
	"strconv"

	"golang.org/x/sys/unix"
)

// Roots lists the directories at which the daemon's own "/" may be found in the
// file system of this process: that of the process which listens at the socket,
// since it may run in a chroot or in a mount namespace, and that of this process.
// It is empty for a daemon that is not reached through a local socket.
func (c *Client) Roots() []string {
	u, err := url.Parse(c.Endpoint.Host)
	if err != nil || u.Scheme != "unix" {
		return nil
	}
	roots := []string{"/"}
	if pid := peer(u.Path); pid > 0 {
		roots = append([]string{"/proc/" + strconv.Itoa(pid) + "/root"}, roots...)
	}
	return roots
}

// peer is the process that listens at a socket, or 0.
func peer(socket string) int {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return 0
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}
