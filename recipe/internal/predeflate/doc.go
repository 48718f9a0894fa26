// Package predeflate keeps raw DEFLATE streams that no encoder here reproduces as
// corrections: what has to be known, beside the plain bytes, to write the very
// same stream again. [Analyze] makes corrections, [NewWriter] replays them.
//
// A predictor looks for matches as zlib does, but follows the tokens of the real
// stream, so one that it did not expect does not put it out of step. The outcome of
// each decision is coded arithmetically in the context of what the predictor saw:
// where it is right nearly always, as for a zlib with unusual parameters, a token
// costs a small part of a bit. Lengths of Huffman codes are predicted from the
// counts of the symbols, and only differences cost anything. (Dirk Steinke's
// preflate showed that following the tokens pays.)
//
// Both directions run the same code over a coder that either encodes or decodes.
// Corrections are hostile: any bytes give an error or some stream, in bounded
// memory.
package predeflate
