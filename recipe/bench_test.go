//go:build unix

package recipe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"testing"

	kpflate "github.com/klauspost/compress/flate"

	"github.com/docker-delta/docker-delta/recipe/golden"
)

// benched is a stream to find the recipe of.
type benched struct {
	name string
	in   Input
}

// benchStreams lists streams by what wrote them.
func benchStreams(b *testing.B) []benched {
	plain := golden.Tar(11, 4<<20)
	var list []benched
	add := func(name string, f Format, packed, plain []byte) {
		list = append(list, benched{name, Input{
			Format: f, Compressed: bytes.NewReader(packed), Size: int64(len(packed)),
			Plain: bytes.NewReader(plain), PlainSize: int64(len(plain)),
		}})
	}
	must := func(err error) {
		if err != nil {
			b.Helper()
			b.Fatal(err)
		}
	}
	for _, c := range []coding{
		{encoder: idGo, level: 1}, {encoder: idGo, level: 6}, {encoder: idGo, level: 9},
		{encoder: 14, level: 5, framing: pgzip, arg: 1 << 20}, {encoder: 11, level: 5, framing: pgzip, arg: 1 << 20},
		{encoder: 22, level: 5, framing: pgzip, arg: 256 << 10},
		{encoder: idZlib, level: 6}, {encoder: idZlib, level: 9}, {encoder: idGNU, level: 6}, {encoder: idGNU, level: 9},
		{encoder: idPigz, level: 9, framing: pigz, arg: 128 << 10},
		{encoder: 57, level: 2}, {encoder: 58, level: 2},
	} {
		var out bytes.Buffer
		e, err := c.take(&out, 1)
		must(err)
		_, err = e.Write(plain)
		must(err)
		must(e.Close())
		f := Deflate
		if encoders[c.encoder].format == Zstd {
			f = Zstd
		}
		add(c.String(), f, out.Bytes(), plain)
	}

	// What no encoder here writes: one that is flushed now and then, and a program.
	var out bytes.Buffer
	w, err := kpflate.NewWriter(&out, 6)
	must(err)
	for i := 0; i < len(plain); i += 77_777 {
		w.Write(plain[i:min(i+77_777, len(plain))])
		must(w.Flush())
	}
	must(w.Close())
	add("unknown flushes", Deflate, out.Bytes(), plain)
	if path, err := exec.LookPath("libdeflate-gzip"); err == nil {
		for _, size := range []int{len(plain), 40_000, 4000} {
			cmd := exec.Command(path, "-6", "-c")
			cmd.Stdin = bytes.NewReader(plain[:size])
			packed, err := cmd.Output()
			must(err)
			add(fmt.Sprintf("libdeflate level 6 of %d bytes", size), Gzip, packed, plain[:size])
		}
	}
	return list
}

// measure runs f and reports plain bytes by the time that the processor worked
// for this process, which other processes change little.
func measure(b *testing.B, size int64, f func() error) {
	worked := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return float64(u.Utime.Nano()) / 1e9
	}
	b.SetBytes(size)
	start, n := worked(), 0
	for b.Loop() {
		if err := f(); err != nil {
			b.Fatal(err)
		}
		n++
	}
	if used := worked() - start; used > 0 {
		b.ReportMetric(float64(size)*float64(n)/1e6/used, "MB/user-s")
	}
}

func BenchmarkFind(b *testing.B) {
	for _, s := range benchStreams(b) {
		b.Run(s.name, func(b *testing.B) {
			measure(b, s.in.PlainSize, func() error {
				_, err := Find(context.Background(), s.in, Options{MaxCorrections: s.in.Size / 8})
				return err
			})
		})
	}
}

func BenchmarkReplay(b *testing.B) {
	for _, s := range benchStreams(b) {
		b.Run(s.name, func(b *testing.B) {
			r, err := Find(context.Background(), s.in, Options{MaxCorrections: s.in.Size / 8})
			if err != nil {
				b.Fatal(err)
			}
			coded, err := r.AppendBinary(nil)
			if err != nil {
				b.Fatal(err)
			}
			measure(b, s.in.PlainSize, func() error {
				w, err := r.NewWriter(io.Discard, WriterOptions{})
				if err == nil {
					_, err = io.Copy(w, io.NewSectionReader(s.in.Plain, 0, s.in.PlainSize))
				}
				if err != nil {
					return err
				}
				return w.Close()
			})
			b.ReportMetric(float64(len(coded)), "recipe-bytes")
		})
	}
}
