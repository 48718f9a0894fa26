package main

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/docker-delta/docker-delta/internal/cli"
)

// strike is a fault that is tried at every call.
type strike struct {
	name   string
	calls  map[uint64]bool
	err    syscall.Errno
	signal syscall.Signal
	onward bool
	every  int // tried at one call of so many; 0 is all
}

// A program that is killed leaves the same files until its next call that changes
// any, so kills are tried at such calls only.
var strikes = []strike{
	{name: "killed", calls: changingCalls, signal: syscall.SIGKILL},
	{name: "terminated", calls: changingCalls, signal: syscall.SIGTERM},
	{name: "disk full", calls: writeCalls, err: syscall.ENOSPC},
	{name: "disk full from then on", calls: union(writeCalls, makeCalls), err: syscall.ENOSPC, onward: true},
	{name: "write error", calls: union(writeCalls, syncCalls), err: syscall.EIO},
	{name: "read error", calls: readCalls, err: syscall.EIO},
	{name: "read errors from then on", calls: readCalls, err: syscall.EIO, onward: true, every: 8},
	{name: "permission denied", calls: union(nameCalls, removeCalls), err: syscall.EACCES},
	{name: "too many open files", calls: nameCalls, err: syscall.EMFILE},
	{name: "no information", calls: statCalls, err: syscall.EIO},
}

func union(sets ...map[uint64]bool) map[uint64]bool {
	m := make(map[uint64]bool)
	for _, s := range sets {
		for c := range s {
			m[c] = true
		}
	}
	return m
}

// calls strikes each job at each of its calls of the system that concern files.
func (t *torture) calls(r *result) {
	if err := canTrace(); err != nil {
		r.Skipped = err.Error()
		return
	}
	if err := t.build(); err != nil {
		r.defect("%v", err)
		return
	}
	begin := time.Now()
	type task struct {
		job    job
		strike strike
		at     int
	}
	work := make(chan task)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			scenes := make(map[string]*scene)
			for w := range work {
				s := scenes[w.job.name]
				if s == nil {
					s = t.newScene(w.job)
					scenes[w.job.name] = s
				}
				s.strike(r, w.strike, w.at)
			}
			for _, s := range scenes {
				s.close()
			}
		})
	}
	n := 0
	for _, j := range t.jobs() {
		for _, k := range strikes {
			s := t.newScene(j)
			var out bytes.Buffer
			got, err := trace(s.command(), fault{calls: k.calls, err: k.err, signal: k.signal}, &out)
			if err != nil || got.code != 0 {
				r.defect("%s, untouched: %v, exit code %d: %s", j.name, err, got.code, out.String())
			}
			s.close()
			if k.signal == syscall.SIGKILL {
				r.figure("calls that change files, "+j.name, "%d", got.calls)
			}
			for at := 1; at <= got.calls; at += max(k.every, 1) {
				if n++; n%t.sample == 0 {
					work <- task{j, k, at}
				}
			}
		}
	}
	close(work)
	wait.Wait()
	r.Seconds = time.Since(begin).Seconds()
}

// strike runs a job with a fault at a call and judges what comes of it.
func (s *scene) strike(r *result, k strike, at int) {
	var out bytes.Buffer
	got, err := trace(s.command(), fault{at: at, onward: k.onward, err: k.err, signal: k.signal, calls: k.calls}, &out)
	text := strings.TrimSpace(out.String())
	what := fmt.Sprintf("%s at %s", k.name, got.struck)
	if err != nil {
		r.defect("%s, %s: %v", s.job.name, what, err)
		s.reset()
		return
	}
	allowed := []int{cli.ExitOK, cli.ExitFailure, cli.ExitBase, cli.ExitVerify}
	switch k.signal {
	case syscall.SIGTERM:
		allowed = []int{cli.ExitOK, cli.ExitInterrupted}
	case syscall.SIGKILL:
		allowed = nil
	}
	switch {
	case got.struck == "":
		what = k.name + " past the end"
	case k.signal == syscall.SIGKILL:
		if got.signal != syscall.SIGKILL {
			r.defect("%s, %s: exit code %d in place of a kill", s.job.name, what, got.code)
		}
	case k.signal == syscall.SIGTERM && got.signal == syscall.SIGTERM:
		// Before the program listens for it, or behind all its work.
	case !slices.Contains(allowed, got.code):
		r.defect("%s, %s: exit code %d, signal %d: %s", s.job.name, what, got.code, got.signal, text)
	case got.code != cli.ExitOK && !strings.Contains(text, "error: "):
		r.defect("%s, %s: no message: %s", s.job.name, what, text)
	}
	// An error that is told of must have cleaned up, but what could not be
	// removed stays for the next run.
	if got.code > 0 && k.name != "permission denied" {
		if left := s.left(); len(left) > 0 {
			r.defect("%s, %s: left behind: %v (%s)", s.job.name, what, left, text)
		}
	}
	s.check(r, what, got.code, text)
	switch {
	case got.signal != 0:
		r.count(got.signal.String())
	case got.code == cli.ExitInterrupted:
		r.count("interrupted (130)")
	default:
		r.count(outcomes[got.code])
	}
}
