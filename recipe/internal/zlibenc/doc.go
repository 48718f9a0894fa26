// Package zlibenc writes raw DEFLATE (RFC 1951) streams that are byte for byte
// those of the zlib family: zlib itself (and so Java, Python, libpng and most
// others), GNU gzip, busybox gzip, and pigz.
//
// All of them share one algorithm and differ in a handful of parameters and in
// what they do at the end of the input; [Params] names them. Start with
// [NewWriter]. The stream has no gzip or zlib header or trailer.
//
// Output depends only on the plain bytes, the Params and the places where
// Flush was called: never on the sizes of writes, on concurrency, or on what a
// reused Writer did before. It is that of the real program reading a regular
// file or one large buffer.
//
// Not covered: level 0 (its block sizes depend on the buffers of the calling
// program), GNU gzip's and pigz's --rsyncable, pigz -11 (zopfli).
//
// This package is an altered version of zlib's deflate algorithm by Jean-loup
// Gailly and Mark Adler, and of pigz's framing by Mark Adler, rewritten in Go.
// See LICENSE.zlib, which applies to it.
package zlibenc
