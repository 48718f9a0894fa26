package predict

// Model predicts the bytes of one new file from copies out of one old file.
type Model struct {
	last []byte
}

// Detect reports whether the files are of a kind that can be predicted, and
// returns the params from which [New] makes the model.
func Detect(old, new []byte, ops []Op) (params []byte, ok bool) { return nil, false }

// New makes a model from params and the copies of this old file. Params may be
// hostile: they cost bounded memory and give an error or useless predictions.
func New(params []byte, ops []Op) (*Model, error) { return &Model{}, nil }

// Predict fills dst with what the new file probably has at newOff, where a
// copy puts the old bytes from oldOff on. The first len(dst) bytes of old are
// those of the chunk; up to [Lookahead] more may follow if the copy goes on,
// and must follow on both sides alike.
func (m *Model) Predict(dst, old []byte, oldOff, newOff int64) { copy(dst, old) }

// Update tells the model the actual bytes of the chunk predicted last.
// Without it the model does not learn from that chunk, which is allowed.
func (m *Model) Update(actual []byte) {}

// Canonical returns a copy of file, of the same length, in which references
// are replaced by values that do not depend on where things lie, or file
// itself where there is nothing to replace. Matching canonical forms finds
// code that only moved as exact copies; their offsets hold for the files.
func Canonical(file []byte) []byte { return file }
