// Package decode puts answers into console text: where in the source each place
// in code is that a line mentions, and what a crash is called.
//
// The text passes through in order and without delay; nothing of it is lost. The
// way of a line:
//
//	oops.Lines  cuts the stream
//	places      finds func+0x1/0x2 [module] and bare addresses in the line
//	identity    reads which kernel printed it, and proves that a vmlinux is its
//	Kernel      answers places from vmlinux and modules
//	layout      writes the line with the answers
//	Gatherer    (of oops) collects the lines of a crash, for title and JSON
//
// What has been decoded before stays as it is: decoding the output again gives
// the same bytes.
package decode
