//go:build !linux

package heap

// Huge does nothing here.
func Huge(int64) {}
