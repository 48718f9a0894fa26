package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
)

// remedy says what may help after an error of the system that nobody on the way
// has given a remedy.
func remedy(err error) string {
	var hinted *image.Error
	switch {
	case errors.As(err, &hinted) && hinted.Hint != "", errors.Is(err, spool.ErrLimit):
		return ""
	case errors.Is(err, syscall.ENOSPC):
		return "free some space, or write elsewhere"
	case errors.Is(err, fs.ErrPermission):
		return "run as a user who has the right, or choose another place"
	}
	return ""
}

// noDelta explains why what should be a delta cannot be opened, where its name
// tells more than the system does.
func noDelta(path string, err error) error {
	if strings.HasPrefix(path, registryPrefix) {
		return usageError{fmt.Errorf("%s: this command takes a delta out of a file; pull brings an image by the deltas in a registry", path)}
	}
	return absent(path, err)
}

// absent is err, but where the file path is not there, it says so, once.
func absent(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		if _, statErr := os.Stat(path); errors.Is(statErr, fs.ErrNotExist) {
			return fmt.Errorf("there is no file %s; check the name, and the directory that you are in", path)
		}
	}
	return err
}
