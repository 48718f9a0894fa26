// Package predict guesses how the bytes of an executable change when its code
// and data move.
//
// An approximate copy says where a run of old bytes went. All the copies
// together map old addresses to new ones, and the decoder knows them before it
// sees the first byte. So a reference found in the old bytes, say the operand
// of a call, can be followed to its old target, the target mapped to its new
// place, and the operand computed that belongs there. The guess goes to the
// entropy coder beside the actual byte: a wrong one costs a few bits and never
// correctness.
//
// [Detect] looks at both files when a delta is made and writes the few facts
// that a decoder cannot know (the sections of both) as params. [New] makes a
// [Model] from them on both sides, which must be driven alike: for each chunk
// of each copy, in the same order, [Model.Predict] and then [Model.Update]
// with the actual bytes, from which the model learns where targets really went.
//
// The idea is that of Courgette and Zucchini (the Chromium project) and of
// Percival's thesis "Matching with Mismatches and Assorted Applications",
// turned into a predictor, so that no disassembly has to be reversible.
package predict

// Op is one approximate copy: Len bytes at New in the new file resemble those
// at Old in the old file. Offsets count from the start of the two files.
type Op struct{ New, Old, Len int64 }

// Lookahead is how many old bytes behind a chunk help to predict its end.
const Lookahead = 128
