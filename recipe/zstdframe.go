package recipe

import "fmt"

func (in *Input) scanZstd() ([]span, error) {
	return nil, fmt.Errorf("%w: no zstd encoder yet", ErrNotReproduced)
}
