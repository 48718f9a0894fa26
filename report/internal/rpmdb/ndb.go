package rpmdb

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The ndb format is that of rpm's lib/backend/ndb/rpmpkg.c: a header of two
// slots, then slots of 16 bytes that point at blocks of 16 bytes, in which each
// package's header stands behind one of 16 bytes. Numbers are little-endian.
const (
	ndbMagic     = "RpmP"
	ndbSlotMagic = "Slot"
	ndbBlobMagic = "BlbS"
	ndbUnit      = 16
	ndbSlotPage  = 4096
)

func readNDB(r io.ReaderAt, size int64, visit func([]byte) error) error {
	le := binary.LittleEndian
	head, err := readAt(r, size, 0, 2*ndbUnit)
	if err != nil {
		return err
	}
	if version := le.Uint32(head[4:]); version != 0 {
		return fmt.Errorf("%w: ndb version %d", ErrFormat, version)
	}
	slots, err := readAt(r, size, 2*ndbUnit, int64(le.Uint32(head[12:]))*ndbSlotPage-2*ndbUnit)
	if err != nil {
		return err
	}
	budget := size // of bytes, lest many slots name one blob
	for ; len(slots) >= ndbUnit; slots = slots[ndbUnit:] {
		if string(slots[:4]) != ndbSlotMagic {
			return fmt.Errorf("%w: a slot starts with %q", ErrFormat, slots[:4])
		}
		number, at := le.Uint32(slots[4:]), int64(le.Uint32(slots[8:]))*ndbUnit
		if number == 0 {
			continue // free
		}
		blob, err := readAt(r, size, at, ndbUnit)
		if err != nil {
			return err
		}
		length := int64(le.Uint32(blob[12:]))
		if budget -= length; string(blob[:4]) != ndbBlobMagic || le.Uint32(blob[4:]) != number || length > maxBlob || budget < 0 {
			return fmt.Errorf("%w: the blob of package %d", ErrFormat, number)
		}
		if blob, err = readAt(r, size, at+ndbUnit, length); err != nil {
			return err
		}
		if err := visit(blob); err != nil {
			return err
		}
	}
	return nil
}
