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

func openStorage(context.Context, Reference, *Options) (*top, error) { return nil, errNoStorage }

func writeStorage(context.Context, Reference, Image, *WriteOptions) (Result, error) {
	return Result{}, errNoStorage
}
