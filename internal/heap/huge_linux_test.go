package heap

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// What is asked for holds for so much of the heap, and takes no memory.
func TestHuge(t *testing.T) {
	switch mode, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled"); {
	case err != nil:
		t.Skip("this system has no huge pages: ", err)
	case isScarce():
		t.Skip("address space counts as memory here")
	case strings.Contains(string(mode), "[never]"):
		t.Skip("huge pages are switched off")
	}
	const most = 256 << 20
	before, rss := advised(t)
	Huge(most)
	after, rssAfter := advised(t)
	if after-before < most-4<<20 {
		t.Errorf("%d bytes more of the heap may have huge pages, %d were asked for", after-before, most)
	}
	if rssAfter > rss+16<<20 {
		t.Errorf("it took %d bytes of memory", rssAfter-rss)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapInuse > 64<<20 {
		t.Errorf("the heap has %d bytes in use", m.HeapInuse)
	}
	Huge(0)
	Huge(-1)
}

// advised sums up the mappings for which huge pages are asked, and the memory that
// all of them take.
func advised(t *testing.T) (size, rss int64) {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	var of int64
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) < 2 {
			continue
		}
		kB, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "Size:":
			of = kB << 10
		case "Rss:":
			rss += kB << 10
		case "VmFlags:":
			if strings.Contains(s.Text(), " hg") {
				size += of
			}
		}
	}
	return size, rss
}
