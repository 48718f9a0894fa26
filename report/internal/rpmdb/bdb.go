package rpmdb

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Berkeley DB's hash access method, of its src/dbinc/db_page.h. Pages are read
// one after the other; in a package's pair, the key is a number and the value a
// header, which nearly always lies in overflow pages of its own.
const (
	bdbHashMagic  = 0x00061561
	bdbPageHeader = 26

	bdbUnsortedHashPage = 2
	bdbOverflowPage     = 7
	bdbHashPage         = 13

	bdbKeyData = 1
	bdbOffPage = 3
)

func bdbOrder(head []byte) binary.ByteOrder {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if order.Uint32(head[12:]) == bdbHashMagic {
			return order
		}
	}
	return nil
}

func isBDB(head []byte) bool { return bdbOrder(head) != nil }

type bdb struct {
	r          io.ReaderAt
	size, page int64
	order      binary.ByteOrder
	budget     int64 // overflow pages that may still be read
}

func readBDB(r io.ReaderAt, size int64, head []byte, visit func([]byte) error) error {
	db := &bdb{r: r, size: size, order: bdbOrder(head)}
	db.page = int64(db.order.Uint32(head[20:]))
	if db.page < 512 || db.page > 65536 || db.page&(db.page-1) != 0 {
		return fmt.Errorf("%w: Berkeley DB pages of %d bytes", ErrFormat, db.page)
	}
	db.budget = size / db.page
	for n := int64(1); n < size/db.page; n++ {
		page, err := readAt(r, size, n*db.page, db.page)
		if err != nil {
			return err
		}
		if page[25] != bdbHashPage && page[25] != bdbUnsortedHashPage {
			continue
		}
		if err := db.pairs(page, visit); err != nil {
			return err
		}
	}
	return nil
}

// pairs visits the values on a page.
func (db *bdb) pairs(page []byte, visit func([]byte) error) error {
	entries := int(db.order.Uint16(page[20:]))
	if bdbPageHeader+2*entries > len(page) {
		return fmt.Errorf("%w: %d entries on a page", ErrFormat, entries)
	}
	at := func(i int) int { return int(db.order.Uint16(page[bdbPageHeader+2*i:])) }
	for i := 1; i < entries; i += 2 {
		// Entries fill the page from its end.
		start, end := at(i), at(i-1)
		if start >= end || end > len(page) {
			return fmt.Errorf("%w: an entry from %d to %d", ErrFormat, start, end)
		}
		switch item := page[start:end]; item[0] {
		case bdbKeyData:
			if blob := item[1:]; len(blob) > 2*indexEntrySize { // else it is rpm's count of packages
				if err := visit(blob); err != nil {
					return err
				}
			}
		case bdbOffPage:
			if len(item) < 12 {
				return fmt.Errorf("%w: an entry of %d bytes", ErrFormat, len(item))
			}
			blob, err := db.overflow(int64(db.order.Uint32(item[4:])), int64(db.order.Uint32(item[8:])))
			if err != nil {
				return err
			}
			if err := visit(blob); err != nil {
				return err
			}
		}
	}
	return nil
}

// overflow joins size bytes that start on a page.
func (db *bdb) overflow(number, size int64) ([]byte, error) {
	if size > maxBlob {
		return nil, fmt.Errorf("%w: a value of %d bytes", ErrFormat, size)
	}
	out := make([]byte, 0, min(size, db.size))
	for int64(len(out)) < size {
		if db.budget--; db.budget < 0 {
			return nil, fmt.Errorf("%w: overflow pages without end", ErrFormat)
		}
		page, err := readAt(db.r, db.size, number*db.page, db.page)
		if err != nil {
			return nil, err
		}
		n := int64(db.order.Uint16(page[22:]))
		if page[25] != bdbOverflowPage || n == 0 || n > db.page-bdbPageHeader || n > size-int64(len(out)) {
			return nil, fmt.Errorf("%w: overflow page %d", ErrFormat, number)
		}
		out = append(out, page[bdbPageHeader:][:n]...)
		number = int64(db.order.Uint32(page[16:]))
	}
	return out, nil
}
