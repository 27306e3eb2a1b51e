// Package gdbview gives the guest the shape in which gdb takes it over the
// remote protocol: lists of threads and libraries, register sets of which some
// are not known, the target description. It is pure: who the threads are and what
// the registers hold is the session's business.
//
// Source: GDB manual, appendix "GDB Remote Serial Protocol"; what gdb 13 makes
// of each form was tried.
package gdbview
