package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/docker-delta/docker-delta/delta"
)

// A fake clock and an 40 column screen.
func testView(terminal bool) (*view, *strings.Builder, func(time.Duration)) {
	var screen strings.Builder
	now := time.Unix(1e9, 0)
	v := &view{w: &screen, terminal: terminal, width: func() int { return 40 }, now: func() time.Time { return now }}
	return v, &screen, func(d time.Duration) { now = now.Add(d) }
}

// last gives what is on the screen's lines after the last drawing.
func lastDrawing(s string) string {
	if i := strings.LastIndex(s, "\x1b[K"); i >= 0 {
		s = s[i+len("\x1b[K"):]
	}
	return s
}

func TestViewShowsStepsSpeedAndTimeLeft(t *testing.T) {
	v, screen, pass := testView(true)
	v.update(delta.Progress{Stage: "read base", Layer: 1, Layers: 2, Total: 100e6})
	pass(5 * time.Second)
	v.update(delta.Progress{Stage: "read base", Layer: 1, Layers: 2, Done: 50e6, Total: 100e6})
	if got, want := lastDrawing(screen.String()), "read base, layer 1 of 2: 50% of 100 MB…"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	v.width = func() int { return 80 }
	pass(time.Second)
	v.update(delta.Progress{Stage: "read base", Layer: 2, Layers: 2, Total: 8e9})
	want := "read base, layer 1 of 2: 50% of 100 MB, 8.33 MB/s, 0:06 left\nread base, layer 2 of 2: 0% of 8 GB"
	if got := lastDrawing(screen.String()); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	// Two lines are on the screen, so two are cleared.
	screen.Reset()
	v.clear()
	if got := screen.String(); got != "\r\x1b[K\x1b[1A\x1b[K" {
		t.Fatalf("cleared with %q", got)
	}
	pass(time.Second)
	v.update(delta.Progress{Stage: "read base", Layer: 1, Layers: 2, Finished: true})
	if got := lastDrawing(screen.String()); strings.Contains(got, "layer 1") {
		t.Fatalf("still there: %q", got)
	}
	v.end()
	if v.lines != 0 || len(v.steps) != 0 {
		t.Fatal("something is left")
	}
}

// A stage without bytes gives way to the next one; one with bytes stays.
func TestViewForgetsStagesWithoutBytes(t *testing.T) {
	v, screen, pass := testView(true)
	v.update(delta.Progress{Stage: "unwrap base"})
	pass(time.Second)
	v.update(delta.Progress{Stage: "encode", Layer: 1, Layers: 1})
	if got := lastDrawing(screen.String()); got != "encode …" {
		t.Fatalf("got %q", got)
	}
	v.update(delta.Progress{Stage: "never begun", Finished: true})
	if len(v.steps) != 1 {
		t.Fatalf("%d steps", len(v.steps))
	}
}

func TestViewWithoutATerminalWritesPlainLines(t *testing.T) {
	v, screen, pass := testView(false)
	for i := range int64(19) {
		v.update(delta.Progress{Stage: "encode", Layer: 1, Layers: 3, Done: i * 1e6, Total: 200e6})
		pass(time.Second)
	}
	v.update(delta.Progress{Stage: "encode", Layer: 1, Layers: 3, Finished: true})
	v.update(delta.Progress{Stage: "write"})
	pass(5 * time.Second)
	v.update(delta.Progress{Stage: "write"})
	want := "encode, layer 1 of 3: 2% of 200 MB, 1 MB/s, 3:15 left\n" +
		"encode, layer 1 of 3: 5% of 200 MB, 1 MB/s, 3:10 left\n" +
		"encode, layer 1 of 3: 7% of 200 MB, 1 MB/s, 3:05 left\n" +
		"write …\n"
	if got := screen.String(); got != want {
		t.Fatalf("got:\n%swant:\n%s", got, want)
	}
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0:00", 59500 * time.Millisecond: "1:00", 3661 * time.Second: "1:01:01"} {
		if got := clock(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 12345: "12.3 kB", 999499: "999 kB", 999600: "1 MB", 15e14: "1.5e+03 TB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
