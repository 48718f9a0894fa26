//go:build !linux || (cgo && !exclude_graphdriver_btrfs)

package image

import (
	"context"
	"errors"
)

var errNoStorage = &Error{
	Err:  errors.New("this build cannot use containers-storage"),
	Hint: "use a build made with CGO_ENABLED=0, or podman save and podman load with an archive",
}

// Init has to be called first in main, and main has to return when it gives
// true. In this build it does nothing.
func Init() (subprocess bool) { return false }

func openStorage(context.Context, Reference, *Options) (*top, error) { return nil, errNoStorage }

func writeStorage(context.Context, Reference, Image, *WriteOptions) (Result, error) {
	return Result{}, errNoStorage
}
