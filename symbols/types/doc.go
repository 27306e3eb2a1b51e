// Package types answers questions about the kernel's C types and variables by
// name: the layout of a struct, the type and link address of a variable, the
// type a C spelling means, and the parameters and locals at a pc.
//
// Types come from .BTF when the file has it (under a millisecond), else from
// DWARF (a few): the name is searched in .debug_info as bytes and only the
// units it was found in are opened, because reading all of a kernel's DWARF
// costs seconds (and gdb half a minute). BTF made by pahole has two gaps: arrays
// of several dimensions are one, and a flexible array looks like one of size 0.
//
// Both sources yield debug/dwarf types. A struct behind a pointer may be a
// declaration only (StructType.Incomplete): [Info.Complete] gives the
// definition. Type graphs are free of cycles by construction, but a small file
// may describe a graph with very many paths: walk it with a bound.
package types
