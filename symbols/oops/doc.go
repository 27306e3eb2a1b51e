// Package oops turns console text into crashes: what the kernel printed about
// a panic, an oops, a warning, a sanitizer or lock report, a stall.
//
// It works on text alone and needs no target. The way of a byte:
//
//	Lines     cuts the stream at '\n', drops '\r' and colours from the text, keeps the raw bytes
//	Prefix    takes level, time stamp and caller id off the front of a line
//	heads     says whether a line opens a crash and of which kind (one table entry
//	          per kind, each with a sample line)
//	dump      puts the parts of a pstore dump in the order of the kernel
//	segmenter gathers the lines of one crash, by caller id where the log has it
//	traces    reads frames, register blocks and the stacks they stand in
//	guilty    picks the function a crash is named after
//	describe  words the title as the public syzbot dashboard does
//
// Only the segmenter and [Lines] see the stream; everything after them works on
// one bounded crash, so memory does not grow with the log.
package oops
