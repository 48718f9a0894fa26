package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/internal/limit"
)

// What lies around the parts that a digest covers, the tar and the tables of
// contents, is read strictly: damage there is no less damage because it happens
// to change nothing, and two readers must not see two packages in one file.

// maxNesting bounds how deep JSON may be nested.
const maxNesting = 32

// unmarshalOnce decodes JSON in which no object has two members of one name.
// Names that differ in case only count as one, since encoding/json takes them
// for the same and other readers do not.
func unmarshalOnce(b []byte, v any) error {
	if err := limit.JSON(b); err != nil {
		return err
	}
	if err := checkOnce(b); err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func checkOnce(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	type object struct {
		names  map[string]bool // nil for an array
		isName bool            // the next token is a name
	}
	var open []*object
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if k := len(open) - 1; k >= 0 && open[k].names != nil && t != json.Delim('}') {
			o := open[k]
			if name, ok := t.(string); ok && o.isName {
				fold := strings.ToLower(strings.ToUpper(name))
				if o.names[fold] {
					return fmt.Errorf("it has two members %q", name)
				}
				o.names[fold] = true
				o.isName = false
				continue
			}
			o.isName = true
		}
		switch t {
		case json.Delim('{'):
			open = append(open, &object{names: make(map[string]bool), isName: true})
		case json.Delim('['):
			open = append(open, new(object))
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > maxNesting {
			return fmt.Errorf("it is nested deeper than %d", maxNesting)
		}
	}
}

// members makes sure that an object has only members that the OCI image
// specification defines, spelled as there, and gives them.
func members(b []byte, known string) (map[string]json.RawMessage, error) {
	m := make(map[string]json.RawMessage)
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	for name := range m {
		if !strings.Contains(" "+known+" ", " "+name+" ") {
			return nil, fmt.Errorf("it has an unknown member %q", name)
		}
	}
	return m, nil
}

// parseIndex reads the index.json of a package, which names one manifest.
func parseIndex(b []byte) (ocispec.Descriptor, error) {
	fail := func(err error) (ocispec.Descriptor, error) {
		return ocispec.Descriptor{}, corrupt("%s: %v", ocispec.ImageIndexFile, err)
	}
	var index ocispec.Index
	if err := unmarshalOnce(b, &index); err != nil {
		return fail(err)
	}
	if len(index.Manifests) != 1 {
		return ocispec.Descriptor{}, fmt.Errorf("%w: its index names %d manifests", ErrNotPackage, len(index.Manifests))
	}
	top, err := members(b, "schemaVersion mediaType artifactType manifests subject annotations")
	if err != nil {
		return fail(err)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(top["manifests"], &list); err != nil {
		return fail(err)
	}
	if _, err := members(list[0], "mediaType digest size urls annotations data artifactType platform"); err != nil {
		return fail(err)
	}
	desc := index.Manifests[0]
	switch {
	case index.SchemaVersion != 2:
		return fail(fmt.Errorf("schema version %d", index.SchemaVersion))
	case index.MediaType != "" && index.MediaType != ocispec.MediaTypeImageIndex:
		return fail(fmt.Errorf("media type %q", index.MediaType))
	case desc.MediaType != ocispec.MediaTypeImageManifest:
		return ocispec.Descriptor{}, fmt.Errorf("%w: its index names something of media type %q", ErrNotPackage, desc.MediaType)
	}
	return desc, nil
}

// checkLayout reads the oci-layout file.
func checkLayout(b []byte) error {
	var l ocispec.ImageLayout
	err := unmarshalOnce(b, &l)
	if err == nil {
		_, err = members(b, "imageLayoutVersion")
	}
	if err == nil && l.Version != ocispec.ImageLayoutVersion {
		err = fmt.Errorf("version %q of the layout", l.Version)
	}
	if err != nil {
		return corrupt("%s: %v", ocispec.ImageLayoutFile, err)
	}
	return nil
}

// tarBlock is what members of a tar are padded to.
const tarBlock = 512

func padding(size int64) int64 { return -size & (tarBlock - 1) }

// checkHeader makes sure that the header block before at has its checksum in
// the form that all programs write: six octal digits, a NUL and a space. That
// it is right has been checked by package tar.
func checkHeader(r io.ReaderAt, at int64) error {
	var block [tarBlock]byte
	if _, err := r.ReadAt(block[:], at-tarBlock); err != nil {
		return err
	}
	const from, to = 148, 156
	sum := 8 * int(' ')
	for i, c := range block {
		if i < from || i >= to {
			sum += int(c)
		}
	}
	if string(block[from:to]) != fmt.Sprintf("%06o\x00 ", sum) {
		return corrupt("the header of the member at byte %d", at)
	}
	return nil
}

// checkZero makes sure that nothing but zeros lies between two offsets.
func checkZero(r io.ReaderAt, from, to int64) error {
	buf := make([]byte, min(to-from, 32<<10))
	for from < to {
		b := buf[:min(to-from, int64(len(buf)))]
		if n, err := r.ReadAt(b, from); n < len(b) {
			return err
		}
		if len(bytes.Trim(b, "\x00")) > 0 {
			return corrupt("there is something between its members, near byte %d", from)
		}
		from += int64(len(b))
	}
	return nil
}
