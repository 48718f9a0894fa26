package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A cost is what running one or several commands took.
type cost struct {
	Wall time.Duration `json:"wall_ns"`
	CPU  time.Duration `json:"cpu_ns"`         // user and system time, all processes and threads
	Peak int64         `json:"peak_rss_bytes"` // resident memory of the largest process
}

func (c cost) plus(d cost) cost {
	return cost{c.Wall + d.Wall, c.CPU + d.CPU, max(c.Peak, d.Peak)}
}

// run runs one command to its end and measures it.
func run(ctx context.Context, argv []string) (cost, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	sampled := make(chan int64)
	stop := make(chan struct{})
	go func() { sampled <- samplePeak(cmd.Process.Pid, stop) }()
	err := cmd.Wait()
	wall := time.Since(start)
	close(stop)
	peak := <-sampled
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("stopped, it took too long")
		}
		return cost{}, fmt.Errorf("%s: %w: %s", filepath.Base(argv[0]), err, lastLines(log.String(), 5))
	}
	use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return cost{
		Wall: wall,
		CPU:  cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		Peak: truePeak(use.Maxrss*1024, peakRSS(os.Getpid()), peak),
	}, nil
}

// truePeak chooses between two readings of a child's peak memory. The kernel's
// (from wait4) is exact, but a child starts in its parent's address space, so
// it is never under the parent's own peak. Where it could be the parent's, what
// was sampled from /proc while the child ran is the better one.
func truePeak(kernel, parent, sampled int64) int64 {
	if kernel > parent || sampled == 0 {
		return kernel
	}
	return sampled
}

// samplePeak follows the peak memory of a process until stop is closed.
func samplePeak(pid int, stop <-chan struct{}) (peak int64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return peak
		case <-tick.C:
			// Before the program is loaded, this is still our own memory.
			if exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); exe != ownExe {
				peak = max(peak, peakRSS(pid))
			}
		}
	}
}

var ownExe, _ = os.Readlink("/proc/self/exe")

// peakRSS gives the high-water mark of a running process's resident memory, or 0.
func peakRSS(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	return parsePeak(string(data))
}

func parsePeak(status string) int64 {
	for line := range strings.Lines(status) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")), 10, 64)
			return n * 1024
		}
	}
	return 0
}
