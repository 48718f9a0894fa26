package recipe

import (
	"fmt"
	"strconv"
	"strings"
)

// String describes the recipe for people, such as
// "gzip, Go compress/flate 1.8-1.26 level 6" or
// "gzip, unknown encoder, 1234 bytes of corrections".
func (r *Recipe) String() string {
	var b strings.Builder
	b.WriteString(r.format.String())
	streams, fixed := 0, 0
	var last *part
	var names []string
	for i := range r.parts {
		p := &r.parts[i]
		if !p.stream {
			continue
		}
		streams++
		fixed += len(p.fix)
		if last == nil || last.coding != p.coding {
			names = appendNew(names, p.coding.String())
		}
		last = p
	}
	for _, n := range names {
		b.WriteString(", " + n)
	}
	if streams != 1 {
		unit := "members"
		if r.format == Zstd {
			unit = "frames"
		}
		fmt.Fprintf(&b, ", %d %s", streams, unit)
	}
	if fixed > 0 {
		fmt.Fprintf(&b, ", %d bytes of corrections", fixed)
	}
	return b.String()
}

func appendNew(list []string, s string) []string {
	for _, t := range list {
		if t == s {
			return list
		}
	}
	return append(list, s)
}

// String describes the coding for people.
func (c coding) String() string {
	e := encoders[c.encoder]
	if e == nil {
		return fmt.Sprintf("encoder %d level %d", c.encoder, c.level)
	}
	if c.encoder == idCorrected {
		return "unknown encoder"
	}
	s := fmt.Sprintf("%s %s level %d", e.name, e.class, c.level)
	if name := zstdLevelNames[c.level]; e.format == Zstd && name != "" {
		s = fmt.Sprintf("%s %s level %s", e.name, e.class, name)
	}
	switch c.framing {
	case pgzip:
		s += fmt.Sprintf(" in pgzip blocks of %d KiB", c.arg>>10)
	case pigz:
		s += fmt.Sprintf(" in pieces of %d KiB", c.arg>>10)
	case flushOnce:
		s += fmt.Sprintf(", flushed after %d bytes", c.arg)
	case flushEnd:
		s += ", flushed before the end"
	}
	return s + c.settings()
}

// settings describes the settings that are not the usual ones.
func (c coding) settings() string {
	s := ""
	part := func(shift, bits int, text string) {
		if v := c.opts >> shift & (1<<bits - 1); v != 0 {
			s += strings.Replace(text, "%d", strconv.Itoa(int(v)), 1)
		}
	}
	switch encoders[c.encoder].format {
	case Zstd:
		part(zstdWindow, 5, ", window of 2^%d bytes")
		part(zstdNoChecksum, 1, ", no checksum")
	case Deflate:
		part(zlibMemLevel, 4, ", memory level %d")
		part(zlibWindowBits, 4, ", window of 2^%d bytes")
		part(zlibStrategy, 3, ", strategy %d")
		part(zlibIndependent, 1, ", independent pieces")
	}
	return s
}

var zstdLevelNames = map[int8]string{1: "fastest", 2: "default", 3: "better", 4: "best"}
