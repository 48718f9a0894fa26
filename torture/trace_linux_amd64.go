package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The tracer stops a program at each of its calls of the system that concern
// files, and can make one of them fail or kill the program there. The calls of
// all threads are counted together, which strace cannot do.

// fault says what happens at a call.
type fault struct {
	at     int            // number of the call, from 1 on; 0 for none
	onward bool           // also at all calls of its kind behind it
	err    syscall.Errno  // what the call gives instead of being done
	signal syscall.Signal // sent before the call is done, if err is 0
	calls  map[uint64]bool
}

// traced is what came of a program under the tracer.
type traced struct {
	calls  int // that the fault could have struck
	struck string
	code   int // exit code, -1 if a signal ended it
	signal syscall.Signal
}

// Calls of the system by what may go wrong with them.
var (
	readCalls  = set(unix.SYS_READ, unix.SYS_PREAD64, unix.SYS_READV, unix.SYS_PREADV, unix.SYS_GETDENTS64, unix.SYS_COPY_FILE_RANGE)
	writeCalls = set(unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_WRITEV, unix.SYS_PWRITEV, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE, unix.SYS_SENDFILE, unix.SYS_SPLICE)
	syncCalls  = set(unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNC_FILE_RANGE, unix.SYS_CLOSE)
	nameCalls  = set(unix.SYS_OPEN, unix.SYS_OPENAT, unix.SYS_MKDIR, unix.SYS_MKDIRAT, unix.SYS_RENAME, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2,
		unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_READLINKAT, unix.SYS_FLOCK, unix.SYS_FCHMODAT, unix.SYS_FCHMOD)
	makeCalls   = set(unix.SYS_MKDIR, unix.SYS_MKDIRAT, unix.SYS_RENAME, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_SYMLINKAT)
	statCalls   = set(unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_FSTAT, unix.SYS_NEWFSTATAT, unix.SYS_STATX, unix.SYS_LSEEK)
	removeCalls = set(unix.SYS_UNLINK, unix.SYS_UNLINKAT, unix.SYS_RMDIR)
	// changingCalls are those after which there may be other files than before.
	changingCalls = union(writeCalls, makeCalls, removeCalls, set(unix.SYS_OPEN, unix.SYS_OPENAT, unix.SYS_FSYNC))
)

// onDescriptor are the calls whose first argument is an open file.
var onDescriptor = set(unix.SYS_READ, unix.SYS_PREAD64, unix.SYS_READV, unix.SYS_PREADV, unix.SYS_GETDENTS64, unix.SYS_WRITE, unix.SYS_PWRITE64,
	unix.SYS_WRITEV, unix.SYS_PWRITEV, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE, unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNC_FILE_RANGE,
	unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_LSEEK, unix.SYS_FLOCK, unix.SYS_FCHMOD)

func set(calls ...uint64) map[uint64]bool {
	m := make(map[uint64]bool)
	for _, c := range calls {
		m[c] = true
	}
	return m
}

// canTrace tells why the tracer does not work here, if it does not.
func canTrace() error {
	out := new(strings.Builder)
	got, err := trace(exec.Command("/bin/true"), fault{calls: changingCalls}, out)
	if err == nil && (got.code != 0 || got.calls == 0) {
		err = fmt.Errorf("%+v", got)
	}
	return err
}

// trace runs a command, whose output goes to out, with a fault.
func trace(cmd *exec.Cmd, f fault, out io.Writer) (got traced, err error) {
	// The kernel ties a tracer to its thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, w, err := os.Pipe()
	if err != nil {
		return got, err
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return got, err
	}
	copied := make(chan struct{})
	go func() { _, _ = io.Copy(out, r); close(copied) }()
	t := &tracer{pid: cmd.Process.Pid, fault: f, entered: make(map[int]bool), failing: make(map[int]bool), started: make(map[int]bool)}
	err = t.follow()
	if err != nil {
		_ = unix.Kill(t.pid, unix.SIGKILL)
	}
	_ = cmd.Process.Release()
	<-copied
	return t.got, err
}

type tracer struct {
	pid     int
	fault   fault
	got     traced
	started map[int]bool // threads that have had their first stop
	entered map[int]bool // threads that are in a call
	failing map[int]bool // threads whose call is to fail
}

const traceOptions = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_EXITKILL

// longestRun ends a program that hangs.
const longestRun = 3 * time.Minute

func (t *tracer) follow() error {
	timer := time.AfterFunc(longestRun, func() { _ = unix.Kill(t.pid, unix.SIGKILL) })
	defer timer.Stop()
	for {
		var ws unix.WaitStatus
		tid, err := unix.Wait4(-t.pid, &ws, unix.WALL, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait: %w", err)
		}
		switch {
		case ws.Exited() || ws.Signaled():
			if tid != t.pid {
				continue
			}
			if t.got.code = ws.ExitStatus(); ws.Signaled() {
				t.got.code, t.got.signal = -1, ws.Signal()
			}
			return nil
		case !ws.Stopped():
			continue
		}
		signal := 0
		switch {
		case !t.started[tid]: // by exec, or as a new thread
			t.started[tid] = true
			if tid == t.pid {
				if err := unix.PtraceSetOptions(tid, traceOptions); err != nil {
					return fmt.Errorf("ptrace: %w", err)
				}
			}
		case ws.StopSignal() == unix.SIGTRAP|0x80:
			if err := t.call(tid); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		case ws.StopSignal() == unix.SIGTRAP && ws.TrapCause() > 0: // a new thread
		default:
			signal = int(ws.StopSignal())
		}
		if err := unix.PtraceSyscall(tid, signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("ptrace: %w", err)
		}
	}
}

// call is told of the start and of the end of a call.
func (t *tracer) call(tid int) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	if t.entered[tid] = !t.entered[tid]; !t.entered[tid] {
		if t.failing[tid] {
			delete(t.failing, tid)
			regs.Rax = -uint64(t.fault.err)
			return unix.PtraceSetRegs(tid, &regs)
		}
		return nil
	}
	if !t.fault.calls[regs.Orig_rax] || !t.concerns(tid, &regs) {
		return nil
	}
	t.got.calls++
	if t.fault.at == 0 || t.got.calls < t.fault.at || t.got.calls > t.fault.at && !t.fault.onward {
		return nil
	}
	if t.got.struck == "" {
		t.got.struck = fmt.Sprintf("call %d (number %d %s)", t.got.calls, regs.Orig_rax, target(tid, &regs))
	}
	if t.fault.err == 0 {
		return unix.Kill(t.pid, t.fault.signal)
	}
	t.failing[tid] = true
	regs.Orig_rax = ^uint64(0) // no such call: nothing is done
	return unix.PtraceSetRegs(tid, &regs)
}

// concerns leaves out what the runtime of Go does on its own, and, for errors,
// what goes to the terminal.
func (t *tracer) concerns(tid int, regs *unix.PtraceRegs) bool {
	if !onDescriptor[regs.Orig_rax] {
		return true
	}
	fd := int(int32(regs.Rdi))
	if fd <= 2 && t.fault.err != 0 {
		return false
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, fd))
	return err == nil && !strings.HasPrefix(path, "anon_inode:") && !strings.HasPrefix(path, "pipe:") && !strings.HasPrefix(path, "/sys/") && !strings.HasPrefix(path, "/proc/")
}

// target is the path of the open file that a call works on.
func target(tid int, regs *unix.PtraceRegs) string {
	if !onDescriptor[regs.Orig_rax] {
		return "by name"
	}
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(regs.Rdi)))
	return fmt.Sprintf("on %s, %d bytes at %d", path, int64(regs.Rdx), int64(regs.R10))
}
