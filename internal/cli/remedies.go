package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
)

// remedy says what to do about kinds of errors of which the place that reports them
// knows no remedy; empty for the others.
func remedy(err error) string {
	has := func(word string) bool { return strings.Contains(err.Error(), word) }
	var hinted *image.Error
	switch {
	case errors.As(err, &hinted) && hinted.Hint != "", errors.Is(err, spool.ErrLimit):
		return ""
	case errors.Is(err, delta.ErrBase):
		switch {
		case has("--base"):
		case has("made from"):
			return "give that with --base"
		default:
			return "inspect tells what the delta was made from; give that with --base"
		}
	case errors.Is(err, delta.ErrVerify):
		return "fetch it again, or make it anew"
	case errors.Is(err, format.ErrNotPackage):
		return "give a file that docker-delta create has written"
	case errors.Is(err, fs.ErrNotExist):
		if has("no such file or directory") && !has("dial unix") {
			return "check the name and the directory"
		}
	case errors.Is(err, syscall.ENOSPC):
		return "free some space, or write elsewhere"
	case errors.Is(err, fs.ErrPermission):
		if has("permission denied") && !has("dial unix") {
			return "run it as a user who may do that, or choose another place"
		}
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
