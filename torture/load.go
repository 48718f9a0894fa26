package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/cli"
)

const (
	// loadMemory is what large images are created and applied with; onTop is what
	// SECURITY.md says that the process may need beside it.
	loadMemory = 1 << 30
	onTop      = 300 << 20
	// loadTemp bounds the temporary files of large images, in bytes for each byte
	// of an image.
	loadTemp = 2.5
)

// files is a layer of 100,000 small files.
func (t *torture) files(r *result) {
	n := 1000 * t.percent
	t.loads(r, fmt.Sprintf("%s files in a layer", thousands(n)), [][]bulkFile{manyFiles(n)})
}

// large is an image of 10 GB, with one file in it of 5 GB.
func (t *torture) large(r *result) {
	const unit = 10e9 / 100 / 20 // a layer at 1 percent
	one := bulkFile{name: "var/lib/large", size: int64(10 * unit * t.percent), seed: 1}
	layers := [][]bulkFile{{one}}
	for i := range uint64(10) {
		layers = append(layers, largeFiles(i, int64(unit*t.percent)))
	}
	t.loads(r, fmt.Sprintf("an image of %s, one file in it of %s", gigabytes(2*one.size), gigabytes(one.size)), layers)
}

// loads runs the program on a pair of images.
func (t *torture) loads(r *result, name string, layers [][]bulkFile) {
	if err := t.build(); err != nil {
		r.defect("%v", err)
		return
	}
	begin := time.Now()
	defer func() { r.Seconds = time.Since(begin).Seconds() }()
	if err := t.load(r, name, layers); err != nil {
		r.defect("%s: %v", name, err)
	}
}

// row runs each job that applies many times in one process.
func (t *torture) row(r *result) {
	begin := time.Now()
	defer func() { r.Seconds = time.Since(begin).Seconds() }()
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		r.Skipped = err.Error()
		return
	}
	for _, j := range t.jobs() {
		if strings.Contains(j.name, "apply") {
			t.inARow(r, j)
		}
	}
}

// holds is what a process holds.
type holds struct {
	heap                    int64
	goroutines, descriptors int
}

func held() holds {
	var m runtime.MemStats
	for range 3 { // pools are emptied by the second collection
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return holds{int64(m.HeapAlloc), runtime.NumGoroutine(), len(list("/proc/self/fd"))}
}

// mostGrowth is by how much the heap may differ for each run.
const mostGrowth = 4 << 10

// inARow runs a job a hundred times in this process. What as many requests
// for help leave on the heap is taken off: cobra keeps the completions of every
// command line that a process makes, and a real process makes one.
func (t *torture) inARow(r *result, j job) {
	s := t.newScene(j)
	defer s.close()
	rounds := max(100/t.sample, 5)
	args := append(j.args(s.out), "--temp-dir", s.tmp)
	idle, err := repeat(rounds, append(args, "--help")...)
	if err != nil {
		r.defect("%s, asked for help: %v", j.name, err)
		return
	}
	grown, err := repeat(rounds, args...)
	if err != nil {
		r.defect("%s: %v", j.name, err)
		return
	}
	for range rounds {
		r.count(outcomes[cli.ExitOK])
	}
	if err := j.check(filepath.Join(s.out, j.result)); err != nil {
		r.defect("%s, the last of %d: %v", j.name, rounds, err)
	}
	heap, left := grown.heap-idle.heap, s.left()
	if heap > int64(mostGrowth*rounds) || grown.goroutines > 0 || grown.descriptors > 0 || len(left) > 0 {
		r.defect("%s, %d times: grown %+v, of which %d bytes for the command lines; left %v", j.name, rounds, grown, idle.heap, left)
	}
	r.figure(fmt.Sprintf("%s, %d times in one process: growth of the heap", j.name, rounds), "%d bytes", heap)
}

// repeat runs the program in this process so many times, after some that do not
// count, and tells how much more the process holds then.
func repeat(rounds int, args ...string) (grown holds, err error) {
	const warm = 10
	var before holds
	for i := range warm + rounds {
		if i == warm {
			before = held()
		}
		if err := here(args...); err != nil {
			return grown, fmt.Errorf("round %d: %w", i, err)
		}
	}
	after := held()
	return holds{after.heap - before.heap, after.goroutines - before.goroutines, after.descriptors - before.descriptors}, nil
}

// load creates and applies a delta between two generated images.
func (t *torture) load(r *result, name string, layers [][]bulkFile) error {
	s := t.newScene(job{name: name, result: "result"})
	defer s.close()
	var paths [2]string
	var ids [2]identity
	var size int64
	for i := range paths {
		paths[i] = s.beside(fmt.Sprintf("v%d.tar", i+1))
		var err error
		if ids[i], err = writeBulk(paths[i], layers, i+1); err != nil {
			return err
		}
		st, err := os.Stat(paths[i])
		if err != nil {
			return err
		}
		size = st.Size()
	}
	delta := s.beside("large.delta")
	if err := s.limited(r, "create", size, "create", paths[0], paths[1], "-o", delta); err != nil {
		return err
	}
	if st, err := os.Stat(delta); err == nil {
		r.figure(name+": bytes of the image, of the delta", "%s, %s", thousands(int(size)), thousands(int(st.Size())))
	}
	// The target makes room for its second edition.
	if err := os.Remove(paths[1]); err != nil {
		return err
	}
	result := filepath.Join(s.out, s.job.result)
	if err := s.limited(r, "apply", size, "apply", delta, "--base", paths[0], "--to", "docker-archive:"+result); err != nil {
		return err
	}
	got, err := identify(result)
	if err == nil && (got.config != ids[1].config || got.plain != ids[1].plain) {
		err = fmt.Errorf("a wrong image: %s", got.config)
	}
	return err
}

// limited runs the program within limits and looks whether it has held to them.
func (s *scene) limited(r *result, what string, size int64, args ...string) error {
	temp := max(int64(loadTemp*float64(size)), 64<<20)
	args = append(args, "--temp-dir", s.tmp, "--no-progress", "--max-memory", fmt.Sprint(loadMemory), "--max-temp", fmt.Sprint(temp))
	cmd := exec.Command(s.t.program, args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	begin := time.Now()
	peak, err := runPeak(cmd)
	r.count(outcomes[exitCode(err)])
	if err != nil {
		return fmt.Errorf("%s: %w: %s", what, err, out.String())
	}
	r.figure(fmt.Sprintf("%s: %s, peak of memory, CPU time, time", s.job.name, what), "%s, %s, %s", megabytes(peak),
		duration((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()), duration(time.Since(begin).Seconds()))
	if peak > loadMemory+onTop {
		r.defect("%s: %s took %s with --max-memory %s", s.job.name, what, megabytes(peak), megabytes(loadMemory))
	}
	if left := s.left(); len(left) > 0 {
		r.defect("%s: %s left behind: %v", s.job.name, what, left)
	}
	return nil
}

// runPeak runs a command and gives the most memory that was resident, of
// /proc/PID/status. What wait(2) tells has the memory of this process in it, too.
func runPeak(cmd *exec.Cmd) (peak int64, err error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)); err == nil {
				if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
					var kb int64
					if n, _ := fmt.Sscan(rest, &kb); n == 1 {
						peak = max(peak, kb<<10)
					}
				}
			}
			select {
			case <-ended:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	err = cmd.Wait()
	close(ended)
	<-done
	return peak, err
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func gigabytes(n int64) string { return fmt.Sprintf("%.3g GB", float64(n)/1e9) }

// writeBulk writes an edition of a large image and tells what it is.
func writeBulk(path string, layers [][]bulkFile, version int) (id identity, err error) {
	f, err := os.Create(path)
	if err != nil {
		return id, err
	}
	defer f.Close()
	if err := bulkImage(f, layers, version); err != nil {
		return id, err
	}
	if err := f.Close(); err != nil {
		return id, err
	}
	img, err := image.Open(context.Background(), path, image.Options{})
	if err != nil {
		return id, err
	}
	defer img.Close()
	return identityOf(img), nil
}
