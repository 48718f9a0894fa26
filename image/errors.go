package image

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
)

var (
	// ErrNoBlob reports a layer whose store keeps no compressed blob.
	ErrNoBlob = errors.New("the store keeps no compressed blob of this layer")
	// ErrNotFound reports an image, a file or a reference that is not there.
	ErrNotFound = errors.New("not found")
	// ErrNotImage reports something that can be read and is no image.
	ErrNotImage = errors.New("not an image")
	// ErrUnreachable reports a docker daemon that does not answer.
	ErrUnreachable = errors.New("no docker daemon answers")
)

// Error says which reference failed, why, and what may help.
type Error struct {
	Ref  string // as it was given
	Err  error
	Hint string // a remedy, or ""
}

func (e *Error) Error() string {
	s := e.Err.Error()
	if e.Ref != "" && !strings.Contains(s, e.Ref) {
		s = e.Ref + ": " + s
	}
	if e.Hint != "" && !strings.HasSuffix(s, "; "+e.Hint) {
		s += "; " + e.Hint
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// hint attaches a remedy to err.
func hint(err error, format string, args ...any) error {
	return &Error{Err: err, Hint: fmt.Sprintf(format, args...)}
}

// absentPath is ErrNotFound in a file system's words.
type absentPath struct{}

func (absentPath) Error() string        { return "no such file or directory" }
func (absentPath) Is(target error) bool { return target == ErrNotFound }

func noSuchPath() error {
	return hint(absentPath{}, "check the name, and the directory that you are in")
}

// withRef names the reference that failed, and keeps a hint.
func withRef(ref string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) && e.Ref == "" && err == error(e) {
		return &Error{Ref: ref, Err: e.Err, Hint: e.Hint}
	}
	return &Error{Ref: ref, Err: err}
}

// DigestError reports content that is not what its digest or size promised.
type DigestError struct {
	What     string // what was read, "layer 2 of 5 (DiffID)"
	Want     digest.Digest
	Got      digest.Digest // empty when the size alone told
	WantSize int64         // -1 when none was promised
	GotSize  int64         // bytes read so far
}

func (e *DigestError) Error() string {
	switch {
	case e.Got != "":
		return fmt.Sprintf("%s is corrupt: its digest is %s, expected %s", e.What, e.Got, e.Want)
	case e.GotSize < e.WantSize:
		return fmt.Sprintf("%s is truncated: %d of %d bytes (%s)", e.What, e.GotSize, e.WantSize, e.Want)
	}
	return fmt.Sprintf("%s is longer than the %d bytes it should have (%s)", e.What, e.WantSize, e.Want)
}

// MissingError reports something that an image names and its source lacks.
type MissingError struct {
	Source string        // the file or directory that was searched
	What   string        // "layer 3 of 5", "the config"
	Name   string        // the file that should hold it, or ""
	Digest digest.Digest // or ""
	Hint   string
}

func (e *MissingError) Error() string {
	s := fmt.Sprintf("%s lacks %s", e.Source, e.What)
	switch {
	case e.Name != "":
		s += fmt.Sprintf(" (no file %s)", e.Name)
	case e.Digest != "":
		s += fmt.Sprintf(" (%s)", e.Digest)
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Is makes errors.Is(err, ErrNotFound) true.
func (e *MissingError) Is(target error) bool { return target == ErrNotFound }

// PlatformError reports an image that lacks the wanted platform.
type PlatformError struct {
	Ref  string
	Want string
	Have []string // in the order of the index
}

func (e *PlatformError) Error() string {
	have := strings.Join(e.Have, ", ")
	if have == "" {
		have = "none"
	}
	s := fmt.Sprintf("%s: no image for platform %s; available: %s", e.Ref, e.Want, have)
	if len(e.Have) > 0 {
		s += fmt.Sprintf("; choose one with --platform, as in --platform %s", e.Have[0])
	}
	return s
}

// Is makes errors.Is(err, ErrNotFound) true.
func (e *PlatformError) Is(target error) bool { return target == ErrNotFound }
