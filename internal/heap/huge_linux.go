// Package heap tunes how the system backs the memory of this process.
package heap

import (
	"bytes"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// Huge asks the system for huge pages for n bytes of the heap, those that are used
// first. To be given memory page by page costs a virtual machine up to a third of the
// time of a process whose heap grows quickly. No memory is used by it, and the system
// may not do as it is asked.
//
// Go's heap grows upwards and its freed pages are used again from the lowest on, so
// that what is asked for of one block before anything else is allocated holds for all
// that comes to lie there after it.
func Huge(n int64) {
	if n <= 0 || n != int64(int(n)) || isScarce() {
		return
	}
	block := make([]byte, n)
	_ = unix.Madvise(block, unix.MADV_HUGEPAGE)
	block = nil
	debug.FreeOSMemory()
}

// isScarce tells whether address space that is not used counts as memory here.
func isScarce() bool {
	var most unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &most); err != nil || most.Cur != unix.RLIM_INFINITY {
		return true
	}
	strict, err := os.ReadFile("/proc/sys/vm/overcommit_memory")
	return err == nil && bytes.HasPrefix(strict, []byte("2"))
}
