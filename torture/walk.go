package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// walkJSON visits every member and element of a document without white space.
// replace gives the document with other text in the place of the visited one,
// for a member with its name; with none, a comma goes too.
func walkJSON(doc []byte, path string, visit func(path string, value []byte, replace func(parts ...string) []byte)) {
	walkValue(doc, 0, path, visit)
}

// lastName is the last part of a path, if that is the name of a member.
func lastName(path string) (name string, inObject bool) {
	i := strings.LastIndexAny(path, ".[")
	if i < 0 || path[i] == '[' {
		return "", false
	}
	return path[i+1:], true
}

// walkValue walks the value that starts at byte at, and gives where it ends.
func walkValue(doc []byte, at int, path string, visit func(string, []byte, func(...string) []byte)) int {
	if doc[at] != '{' && doc[at] != '[' {
		return endOfValue(doc, at)
	}
	isObject := doc[at] == '{'
	at++
	for n := 0; ; n++ {
		if doc[at] == '}' || doc[at] == ']' {
			return at + 1
		}
		if doc[at] == ',' {
			at++
		}
		from := at
		// Dots in names (of annotations) would look like parts of the path.
		sub := fmt.Sprintf("%s[%d]", path, n)
		if isObject {
			end := endOfValue(doc, at)
			var name string
			must(0, json.Unmarshal(doc[at:end], &name))
			sub = path + "." + strings.ReplaceAll(name, ".", "·")
			at = end + 1
		}
		valueAt := at
		at = walkValue(doc, at, sub, visit)
		to := at
		visit(sub, doc[valueAt:to], func(parts ...string) []byte {
			a, b := from, to
			if len(parts) == 0 && doc[b] == ',' {
				b++
			} else if len(parts) == 0 && doc[a-1] == ',' {
				a--
			}
			return bytes.Join([][]byte{doc[:a], []byte(strings.ReplaceAll(strings.Join(parts, ","), "·", ".")), doc[b:]}, nil)
		})
	}
}

// endOfValue finds the end of a string, number, object or array.
func endOfValue(doc []byte, at int) int {
	d := json.NewDecoder(bytes.NewReader(doc[at:]))
	var raw json.RawMessage
	must(0, d.Decode(&raw))
	return at + int(d.InputOffset())
}
