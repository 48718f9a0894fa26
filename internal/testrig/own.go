package testrig

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// OwnDaemon is a Docker daemon that belongs to one test, which may kill it.
type OwnDaemon struct {
	Daemon
	dir   string
	cmd   *exec.Cmd
	ended <-chan struct{} // closed when the process has ended
}

// OwnDocker starts a daemon with a store of its own, without a network. It needs
// root and ends with the test.
func OwnDocker(t testing.TB) *OwnDaemon {
	t.Helper()
	program, err := exec.LookPath("dockerd")
	if err != nil || os.Geteuid() != 0 {
		Missing(t, "dockerd and root, to start a daemon of the test's own")
	}
	dir, err := os.MkdirTemp("", "dd") // short: the path of a socket has a limit
	if err != nil {
		t.Fatal(err)
	}
	o := &OwnDaemon{Daemon: Daemon{Host: "unix://" + filepath.Join(dir, "s")}, dir: dir, cmd: exec.Command(program)}
	t.Cleanup(func() {
		o.end(syscall.SIGTERM)
		_ = exec.Command("umount", "--lazy", filepath.Join(dir, "data")).Run() // which it mounts on itself
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	o.Start(t)
	return o
}

// Start starts the daemon, or starts it again on what it has stored.
func (o *OwnDaemon) Start(t testing.TB) {
	t.Helper()
	in := func(name string) string { return filepath.Join(o.dir, name) }
	logPath := in("log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	// What a killed one leaves.
	os.Remove(in("pid"))
	os.Remove(in("exec/containerd/containerd.pid"))
	writeFile(t, in("config"), "{}") // in place of that of the machine
	o.cmd = exec.Command(o.cmd.Path, "--config-file", in("config"), "--host", o.Host, "--data-root", in("data"), "--exec-root", in("exec"), "--pidfile", in("pid"),
		"--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs")
	o.cmd.Stdout, o.cmd.Stderr = log, log
	// Its containerd is told to end with it by the kernel.
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	o.ended = ended
	go func(cmd *exec.Cmd) { _ = cmd.Wait(); close(ended) }(o.cmd)
wait:
	for range 1200 {
		info, err := dockerInfo(o.Host)
		if err == nil {
			o.Version = info.ServerVersion
			return
		}
		select {
		case <-o.ended:
			break wait
		case <-time.After(50 * time.Millisecond):
		}
	}
	text, _ := os.ReadFile(logPath)
	Missing(t, "a daemon of the test's own, which does not start here: %s", text)
}

// Kill ends the daemon as kill -9 does.
func (o *OwnDaemon) Kill() { o.end(syscall.SIGKILL) }

func (o *OwnDaemon) end(signal syscall.Signal) {
	if o.cmd.Process == nil {
		return
	}
	// At SIGTERM, the daemon ends its containerd itself.
	if signal == syscall.SIGTERM {
		select {
		case <-o.ended:
			return
		default:
		}
		_ = o.cmd.Process.Signal(signal)
		<-o.ended
	}
	_ = syscall.Kill(-o.cmd.Process.Pid, syscall.SIGKILL)
	<-o.ended
}
