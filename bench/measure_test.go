package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test program be the process that is measured.
func TestMain(m *testing.M) {
	if os.Getenv("BENCH_TEST_ALLOCATE") == "1" {
		b := make([]byte, 200<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		os.Exit(int(b[0] - 1))
	}
	os.Exit(m.Run())
}

func TestRunMeasuresPeakMemoryOfTheChild(t *testing.T) {
	t.Setenv("BENCH_TEST_ALLOCATE", "1")
	c, err := run(t.Context(), []string{os.Args[0]})
	if err != nil {
		t.Fatal(err)
	}
	if c.Peak < 200<<20 || c.Peak > 2000<<20 {
		t.Errorf("a process that used 200 MiB is measured with %d bytes", c.Peak)
	}
	if c.CPU <= 0 || c.Wall <= 0 {
		t.Errorf("no time was measured: %+v", c)
	}
}

func TestRunReportsFailure(t *testing.T) {
	_, err := run(t.Context(), []string{"sh", "-c", "echo why >&2; exit 3"})
	if err == nil || !strings.Contains(err.Error(), "why") {
		t.Errorf("got %v, want an error with what the program said", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := run(ctx, []string{"sleep", "60"}); err == nil {
		t.Error("a stopped program gave no error")
	}
}

func TestTruePeak(t *testing.T) {
	for _, tt := range []struct {
		name                          string
		kernel, parent, sampled, want int64
	}{
		{"a large child is known exactly", 100, 20, 90, 100},
		{"a small child inherits its parent's peak", 20, 20, 5, 5},
		{"too quick to sample", 20, 20, 0, 20},
	} {
		if got := truePeak(tt.kernel, tt.parent, tt.sampled); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestParsePeak(t *testing.T) {
	if got := parsePeak("VmPeak:\t  999 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 1 kB\n"); got != 1234*1024 {
		t.Errorf("got %d", got)
	}
	if got := parsePeak("Name:\tx\n"); got != 0 {
		t.Errorf("without the line: got %d", got)
	}
	if got := peakRSS(os.Getpid()); got < 1<<20 {
		t.Errorf("this process has a peak of %d bytes", got)
	}
}

func TestCostsAddUp(t *testing.T) {
	got := cost{1, 2, 30}.plus(cost{10, 20, 3})
	if want := (cost{11 * time.Nanosecond, 22, 30}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
