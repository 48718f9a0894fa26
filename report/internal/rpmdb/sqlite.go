package rpmdb

import (
	"encoding/binary"
	"fmt"
	"io"
)

const sqliteMagic = "SQLite format 3\x00"

// sqlite reads tables of a database file, as https://sqlite.org/fileformat.html
// describes it. A write-ahead log beside it is not looked at: rpm leaves none
// behind when it ends.
type sqlite struct {
	r      io.ReaderAt
	size   int64
	page   int64 // size of a page
	usable int64 // of a page
	pages  int64 // number of them
	budget int64 // pages that may still be read, lest a cycle never ends
	rows   int64 // bytes of rows that may still be read, lest many cells are one
}

const (
	maxTreeDepth = 32
	// maxColumns is how many columns of a row are looked at; no table here has more.
	maxColumns = 16
)

func readSQLite(r io.ReaderAt, size int64, head []byte, visit func([]byte) error) error {
	db := &sqlite{r: r, size: size, page: int64(binary.BigEndian.Uint16(head[16:]))}
	if db.page == 1 {
		db.page = 65536
	}
	db.usable = db.page - int64(head[20])
	if db.page < 512 || db.page&(db.page-1) != 0 || db.usable < 480 {
		return fmt.Errorf("%w: SQLite pages of %d bytes", ErrFormat, db.page)
	}
	db.pages = size / db.page
	db.budget, db.rows = 2*db.pages, 2*size
	root := int64(0)
	err := db.table(1, 0, func(columns [][]byte) error {
		// type, name, tbl_name, rootpage, sql
		if len(columns) >= 4 && string(columns[0]) == "table" && string(columns[1]) == "Packages" {
			for _, b := range columns[3] {
				root = root<<8 | int64(b)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if root == 0 {
		return fmt.Errorf("%w: no table Packages", ErrFormat)
	}
	return db.table(root, 0, func(columns [][]byte) error {
		if len(columns) < 2 { // hnum, blob
			return fmt.Errorf("%w: a row of %d columns", ErrFormat, len(columns))
		}
		return visit(columns[1])
	})
}

const (
	interiorTable = 5
	leafTable     = 13
)

// table visits the rows below a page.
func (db *sqlite) table(number int64, depth int, visit func([][]byte) error) error {
	page, err := db.read(number)
	if err != nil {
		return err
	}
	if depth > maxTreeDepth {
		return fmt.Errorf("%w: a table is more than %d deep", ErrFormat, maxTreeDepth)
	}
	head := page
	if number == 1 {
		head = page[100:]
	}
	cells := int(binary.BigEndian.Uint16(head[3:]))
	kind, pointers := head[0], head[8:]
	if kind == interiorTable {
		pointers = head[12:]
	}
	if kind != interiorTable && kind != leafTable || len(pointers) < 2*cells {
		return fmt.Errorf("%w: page %d of kind %d with %d cells", ErrFormat, number, kind, cells)
	}
	for i := range cells {
		at := int(binary.BigEndian.Uint16(pointers[2*i:]))
		if at+4 > len(page) {
			return fmt.Errorf("%w: a cell at %d", ErrFormat, at)
		}
		if kind == interiorTable {
			err = db.table(int64(binary.BigEndian.Uint32(page[at:])), depth+1, visit)
		} else {
			err = db.row(page[at:], visit)
		}
		if err != nil {
			return err
		}
	}
	if kind == interiorTable {
		return db.table(int64(binary.BigEndian.Uint32(head[8:])), depth+1, visit)
	}
	return nil
}

func (db *sqlite) read(number int64) ([]byte, error) {
	if db.budget--; db.budget < 0 || number < 1 || number > db.pages {
		return nil, fmt.Errorf("%w: page %d of %d", ErrFormat, number, db.pages)
	}
	page, err := readAt(db.r, db.size, (number-1)*db.page, db.page)
	if err != nil {
		return nil, err
	}
	return page[:db.usable], nil
}

// row gathers the payload of a leaf's cell, and cuts it into columns.
func (db *sqlite) row(cell []byte, visit func([][]byte) error) error {
	size, n := sqliteVarint(cell)
	_, m := sqliteVarint(cell[n:]) // the row's number
	if n == 0 || m == 0 || size > maxBlob {
		return fmt.Errorf("%w: a row of %d bytes", ErrFormat, size)
	}
	if db.rows -= int64(size); db.rows < 0 {
		return fmt.Errorf("%w: its rows have more bytes than it has", ErrFormat)
	}
	payload, err := db.payload(cell[n+m:], int64(size))
	if err != nil {
		return err
	}
	columns, err := sqliteColumns(payload)
	if err != nil {
		return err
	}
	return visit(columns)
}

// payload joins what is in the cell with what is in overflow pages.
func (db *sqlite) payload(cell []byte, size int64) ([]byte, error) {
	local := size
	if most := db.usable - 35; size > most {
		least := (db.usable-12)*32/255 - 23
		if local = least + (size-least)%(db.usable-4); local > most {
			local = least
		}
	}
	if local > int64(len(cell)) || local < size && local+4 > int64(len(cell)) {
		return nil, fmt.Errorf("%w: a row of %d bytes leaves its page", ErrFormat, size)
	}
	out := append(make([]byte, 0, min(size, db.size)), cell[:local]...)
	if local == size {
		return out, nil
	}
	next := int64(binary.BigEndian.Uint32(cell[local:]))
	for int64(len(out)) < size {
		page, err := db.read(next)
		if err != nil {
			return nil, err
		}
		next = int64(binary.BigEndian.Uint32(page))
		out = append(out, page[4:][:min(db.usable-4, size-int64(len(out)))]...)
	}
	return out, nil
}

// sqliteColumns cuts a record into its columns, raw as they are.
func sqliteColumns(record []byte) ([][]byte, error) {
	bad := fmt.Errorf("%w: a row of %d bytes", ErrFormat, len(record))
	size, n := sqliteVarint(record)
	if n == 0 || size > uint64(len(record)) || size < uint64(n) {
		return nil, bad
	}
	types, body := record[n:size], record[size:]
	var columns [][]byte
	for len(types) > 0 && len(columns) < maxColumns {
		kind, n := sqliteVarint(types)
		if n == 0 {
			return nil, bad
		}
		types = types[n:]
		var length uint64
		switch {
		case kind >= 12:
			length = (kind - 12) / 2
		case kind == 10, kind == 11:
			return nil, bad
		default:
			length = []uint64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}[kind]
		}
		if length > uint64(len(body)) {
			return nil, bad
		}
		columns = append(columns, body[:length])
		body = body[length:]
	}
	return columns, nil
}

// sqliteVarint reads a number and tells how many bytes it took, 0 if there are
// too few.
func sqliteVarint(b []byte) (v uint64, n int) {
	for i := range min(len(b), 9) {
		if i == 8 {
			return v<<8 | uint64(b[i]), 9
		}
		v = v<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
