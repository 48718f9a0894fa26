package signature

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// Trust is what a receiver asks of packages. A nil Trust asks nothing.
type Trust struct {
	// Keys are those of which one must have signed, whatever the names are; none
	// means that the policy alone decides.
	Keys []PublicKey
	// Policy may be nil, which asks nothing.
	Policy *Policy
}

// keys are all that may verify a signature.
func (t *Trust) keys() []PublicKey {
	if t == nil {
		return nil
	}
	list := slices.Clone(t.Keys)
	if t.Policy != nil {
		list = append(list, t.Policy.Keys()...)
	}
	return list
}

// Always tells whether no package goes without a signature, whatever its names are.
func (t *Trust) Always() bool {
	return t != nil && (len(t.Keys) > 0 || t.Policy != nil && t.Policy.always())
}

// Asks tells whether signatures are looked at: some name needs one.
func (t *Trust) Asks() bool {
	return t != nil && (len(t.Keys) > 0 || t.Policy != nil && (len(t.Policy.Keys()) > 0 || t.Policy.always()))
}

// Open checks what can be checked before anything of a file is parsed. text is
// its signature, nil if there is none. It gives what the file is to be read from,
// and who signed it, nobody if it is nobody who is known; then [Trust.Allows]
// decides by the names.
func (t *Trust) Open(r io.ReaderAt, size int64, text []byte) (io.ReaderAt, []Signer, error) {
	if !t.Asks() {
		return r, nil, nil
	}
	if text == nil {
		if t.Always() {
			return nil, nil, ErrMissing
		}
		return r, nil, nil
	}
	f, err := Check(r, size, text, t.keys())
	switch {
	case errors.Is(err, errOtherKey) && !t.Always():
		return r, nil, nil // as good as no signature
	case err != nil:
		return nil, nil, err
	}
	return f, []Signer{f.Signer}, nil
}

// OpenBytes does the same for bytes in memory that may have several signatures, of
// which those that do not hold are passed over.
func (t *Trust) OpenBytes(b []byte, texts [][]byte) ([]Signer, error) {
	if !t.Asks() {
		return nil, nil
	}
	var by []Signer
	err := error(ErrMissing)
	for _, text := range texts {
		s, cerr := CheckBytes(b, text, t.keys())
		switch {
		case cerr == nil:
			by = append(by, s)
		case errors.Is(err, ErrMissing) || errors.Is(err, errOtherKey):
			err = cerr // the first that names a known key says most
		}
	}
	if len(by) == 0 && t.Always() {
		return nil, err
	}
	return by, nil
}

// Allows decides whether what these have signed may be used for an image of these
// names, made from bases of these.
func (t *Trust) Allows(by []Signer, names, bases []string) error {
	if t == nil {
		return nil
	}
	if len(t.Keys) > 0 {
		if err := (Rule{Keys: t.Keys}).allows(by, ""); err != nil {
			return err
		}
	}
	if t.Policy == nil {
		return nil
	}
	if len(names) == 0 {
		if err := t.Policy.Default.allows(by, "an image without a name"); err != nil {
			return err
		}
	}
	for _, n := range append(slices.Clone(names), bases...) {
		if err := t.Policy.For(n).allows(by, n); err != nil {
			return err
		}
	}
	return nil
}

func (r Rule) allows(by []Signer, what string) error {
	if what != "" {
		what = ", as the policy asks for " + what
	}
	switch {
	case r.Refuse:
		return refused("no signature would do%s", what)
	case r.Unsigned:
		return nil
	case len(by) == 0:
		return fmt.Errorf("%w by key %s%s", ErrMissing, ids(r.Keys), what)
	}
	var have []PublicKey
	for _, s := range by {
		if slices.Contains(r.Keys, s.Key) {
			return nil
		}
		have = append(have, s.Key)
	}
	return refused("it is signed with key %s%s%s", ids(have), wanted(r.Keys), what)
}
