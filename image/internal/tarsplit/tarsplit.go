// Package tarsplit puts the tar of a layer together again from the files that it
// was extracted to and the record that docker and containers-storage keep of all
// else in it: headers, padding and order, as github.com/vbatts/tar-split writes
// them, one JSON object an entry.
package tarsplit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The types of entries.
const (
	fileType    = 1 // the contents of a file
	segmentType = 2 // bytes as they are
)

// entry is one line of the record. Payload is the segment, or the CRC of a file.
type entry struct {
	Type    int    `json:"type"`
	Name    string `json:"name"`
	NameRaw []byte `json:"name_raw"` // in place of Name when it is no UTF-8
	Size    int64  `json:"size"`
	Payload []byte `json:"payload"`
}

func (e *entry) name() string {
	if len(e.NameRaw) > 0 {
		return string(e.NameRaw)
	}
	return e.Name
}

// length is the number of bytes that the entry stands for in the tar.
func (e *entry) length() int64 {
	if e.Type == segmentType {
		return int64(len(e.Payload))
	}
	return e.Size
}

// next reads an entry; io.EOF is the regular end.
func next(d *json.Decoder) (*entry, error) {
	var e entry
	if err := d.Decode(&e); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("the record of the layer's tar is damaged: %w", err)
	}
	if e.Type != fileType && e.Type != segmentType || e.Size < 0 {
		return nil, fmt.Errorf("the record of the layer's tar has an entry of type %d and size %d, which is not understood", e.Type, e.Size)
	}
	return &e, nil
}

// Size is the length of the tar in bytes, found without opening a file.
func Size(record io.Reader) (n int64, err error) {
	for d := json.NewDecoder(record); ; {
		e, err := next(d)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		if n += e.length(); n < 0 {
			return 0, errors.New("the record of the layer's tar has files of more than 2^63 bytes")
		}
	}
}

// Reader gives the tar. Its bytes are not verified: whoever reads it knows the
// DiffID.
type Reader struct {
	record *json.Decoder
	open   func(name string) (io.ReadCloser, error)

	segment []byte        // what is left of a segment
	file    io.ReadCloser // the open file, or nil
	name    string        // of file
	left    int64         // bytes of file
	err     error
}

// NewReader reads the record as it goes. open opens a file by its name in the
// tar; empty files, links and directories are not opened.
func NewReader(record io.Reader, open func(name string) (io.ReadCloser, error)) *Reader {
	return &Reader{record: json.NewDecoder(record), open: open}
}

func (r *Reader) Read(p []byte) (int, error) {
	for len(p) > 0 && r.err == nil {
		switch {
		case len(r.segment) > 0:
			n := copy(p, r.segment)
			r.segment = r.segment[n:]
			return n, nil
		case r.left > 0:
			n, err := r.file.Read(p[:min(int64(len(p)), r.left)])
			r.left -= int64(n)
			if err != nil && r.left > 0 {
				r.err = fmt.Errorf("file %q of the layer: %w", r.name, unexpected(err))
			}
			if n > 0 {
				return n, nil
			}
		default:
			r.err = r.advance()
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	return 0, r.err
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// advance goes to the next entry.
func (r *Reader) advance() error {
	if err := r.Close(); err != nil {
		return err
	}
	e, err := next(r.record)
	if err != nil {
		return err
	}
	if e.Type == segmentType {
		r.segment = e.Payload
		return nil
	}
	if e.Size == 0 {
		return nil
	}
	r.name, r.left = e.name(), e.Size
	r.file, err = r.open(r.name)
	if err != nil {
		r.file, r.left = nil, 0
		return fmt.Errorf("file %q of the layer: %w", r.name, err)
	}
	return nil
}

// Close closes the file that is open.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
