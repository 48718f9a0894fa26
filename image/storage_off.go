//go:build !linux || (cgo && !exclude_graphdriver_btrfs)

package image

import (
	"context"
	"errors"

	"github.com/sirupsen/logrus"
)

var errNoStorage = &Error{
	Err:  errors.New("this build cannot use containers-storage"),
	Hint: "use a build made with CGO_ENABLED=0, or podman save and podman load with an archive",
}

// Init has to be called first in main, and main has to return when it gives
// true. In this build, which has no containers-storage, it only keeps the
// libraries from logging what is no warning.
func Init() (subprocess bool) {
	logrus.SetLevel(logrus.WarnLevel)
	return false
}

func openStorage(context.Context, Reference, *Options) (*top, error) { return nil, errNoStorage }

func writeStorage(context.Context, Reference, Image, *WriteOptions) (Result, error) {
	return Result{}, errNoStorage
}
