//go:build !linux

package limit

// Machine is the memory that this process may have, in bytes. Here it is not known,
// which is 0.
func Machine() int64 { return 0 }
