package cli

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/format"
)

// remedy says what to do about kinds of errors of which the place that reports them
// knows no remedy; empty for the others.
func remedy(err error) string {
	has := func(word string) bool { return strings.Contains(err.Error(), word) }
	switch {
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
	case errors.Is(err, fs.ErrPermission):
		if has("permission denied") && !has("dial unix") {
			return "run it as a user who may do that, or choose another place"
		}
	}
	return ""
}
