package recipe

import "errors"

// check reports whether this build can replay the stream inside the format f.
func (p *part) check(f Format) error {
	if p.fix != nil {
		return errors.New("corrections are not supported yet")
	}
	return p.coding.check(f)
}

func newCorrected(p *part, l *line) (stream, error) {
	return nil, p.check(Deflate)
}
