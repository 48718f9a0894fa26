package signature

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// maxPolicy bounds the file of a policy, in bytes.
const maxPolicy = 1 << 20

// Policy says whose signature a package must have, by the names of images: the
// names that the package records for its base and its target, and those that its
// result is to be given. For each of them, the rule with the longest scope that it
// lies in holds, else the default.
type Policy struct {
	Default Rule
	// Names are rules by scope: a name ("registry.example/app:v2"), or what names
	// begin with up to a "/", ":" or "@" ("registry.example/app",
	// "registry.example").
	Names map[string]Rule
}

// Rule is one of three: a signature by any one of the keys; none is needed; none
// would do.
type Rule struct {
	Keys     []PublicKey
	Unsigned bool
	Refuse   bool
}

// ReadPolicy reads the file of a policy; paths of keys in it are relative to its
// directory.
func ReadPolicy(path string) (*Policy, error) {
	b, err := readSmall(path, maxPolicy)
	if err != nil {
		return nil, err
	}
	p, err := parsePolicy(b, filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", path, err)
	}
	return p, nil
}

// rule is a Rule as it is written.
type rule struct {
	Keys     []string `json:"keys"`
	Unsigned bool     `json:"unsigned"`
	Refuse   bool     `json:"refuse"`
}

func parsePolicy(b []byte, dir string) (*Policy, error) {
	var file struct {
		Default *rule           `json:"default"`
		Names   map[string]rule `json:"names"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is more behind its end")
	}
	if file.Default == nil {
		return nil, fmt.Errorf(`"default" is missing, which says what holds for all other names`)
	}
	p := &Policy{Names: make(map[string]Rule, len(file.Names))}
	var err error
	if p.Default, err = file.Default.read(dir); err != nil {
		return nil, fmt.Errorf(`"default": %w`, err)
	}
	for scope, r := range file.Names {
		if scope == "" || strings.ContainsAny(scope, "*? ") {
			return nil, fmt.Errorf("%q is no name, nor what names begin with", scope)
		}
		if p.Names[scope], err = r.read(dir); err != nil {
			return nil, fmt.Errorf("%q: %w", scope, err)
		}
	}
	return p, nil
}

// read makes a Rule; a key is written out ("RW…") or named by its file.
func (r *rule) read(dir string) (Rule, error) {
	said := 0
	for _, b := range []bool{len(r.Keys) > 0, r.Unsigned, r.Refuse} {
		if b {
			said++
		}
	}
	if said != 1 {
		return Rule{}, fmt.Errorf(`give one of "keys": [...], "unsigned": true and "refuse": true`)
	}
	out := Rule{Unsigned: r.Unsigned, Refuse: r.Refuse}
	for _, s := range r.Keys {
		k, err := ParsePublicKey([]byte(s))
		if err != nil {
			path := s
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, path)
			}
			if k, err = ReadPublicKey(path); err != nil {
				return out, err
			}
		}
		out.Keys = append(out.Keys, k)
	}
	return out, nil
}

// For gives the rule for a name.
func (p *Policy) For(name string) Rule {
	best, rule := -1, p.Default
	for scope, r := range p.Names {
		if rest, ok := strings.CutPrefix(name, scope); ok && len(scope) > best && (rest == "" || strings.Contains("/:@", rest[:1])) {
			best, rule = len(scope), r
		}
	}
	return rule
}

// Keys are all keys of the policy.
func (p *Policy) Keys() []PublicKey {
	list := slices.Clone(p.Default.Keys)
	for _, r := range p.Names {
		list = append(list, r.Keys...)
	}
	return list
}

// always tells whether no name goes without a signature.
func (p *Policy) always() bool {
	for _, r := range p.Names {
		if r.Unsigned {
			return false
		}
	}
	return !p.Default.Unsigned
}
