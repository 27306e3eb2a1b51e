// Package rsptest helps to test what speaks the GDB remote protocol: [Stub] is
// a stub that a test scripts, [Machine] a handler for it that behaves like QEMU
// with memory and registers of the test's choice, and [Replay] plays a
// transcript that an rsp.Recorder wrote, from either end.
//
// Each of them starts one goroutine, which ends when the connection is closed
// and is joined when the test ends.
package rsptest
