//go:build !linux

package tempfile

import "errors"

// Exchange would swap two names in one step; here it cannot be done.
func Exchange(string, string) error { return errors.ErrUnsupported }
