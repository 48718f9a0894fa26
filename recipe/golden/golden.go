package golden

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// Encoders of the records.
const (
	GoFlate   = "compress/flate"
	Klauspost = "klauspost/compress/flate"
	Pgzip     = "klauspost/pgzip"
)

// File is the content of golden.json.
type File struct {
	// Runs says what was run.
	Runs []Run `json:"runs"`
	// Inputs has the hashes of the inputs, by name.
	Inputs map[string]string `json:"inputs"`
	// Records have the hashes of the outputs.
	Records []Record `json:"records"`
}

// A Run is one execution of a real encoder.
type Run struct {
	Encoder   string `json:"encoder"`
	Version   string `json:"version"` // of the toolchain or the module
	Toolchain string `json:"toolchain"`
	// Flate is the version of klauspost/compress behind pgzip.
	Flate string `json:"flate,omitempty"`
}

// A Record has what the versions of an encoder made of one input at one level.
type Record struct {
	Encoder string `json:"encoder"`
	Level   int    `json:"level"`
	// BlockSize of pgzip, in bytes; 0 for the others.
	BlockSize int    `json:"blockSize,omitempty"`
	Input     string `json:"input"`
	// Outputs are the hashes of the DEFLATE streams, with the versions that
	// wrote them (of klauspost/compress, for pgzip).
	Outputs map[string][]string `json:"outputs"`
}

//go:embed golden.json
var goldenJSON []byte

// Load returns the records.
func Load() (*File, error) {
	f := new(File)
	if err := json.Unmarshal(goldenJSON, f); err != nil {
		return nil, fmt.Errorf("golden.json: %w", err)
	}
	return f, nil
}

// Want returns the hash of the output of one version; false if it was not run.
func (r *Record) Want(version string) (string, bool) {
	for hash, versions := range r.Outputs {
		if slices.Contains(versions, version) {
			return hash, true
		}
	}
	return "", false
}

// Hash returns the first 128 bits of the SHA-256 of b, in hex.
func Hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
