// Package types answers questions about the kernel's C types and variables by
// name: the layout of a struct, the type and link address of a variable, the
// type a C spelling means, and the parameters and locals of a function.
//
// Layouts come from .BTF when the file has it (a few hundred microseconds),
// else from DWARF: the name is searched in .debug_info as bytes and only the
// one compile unit it was found in is handed to debug/dwarf, because reading
// all of a kernel's DWARF costs seconds (and gdb half a minute).
//
// Both sources yield debug/dwarf types. A struct behind a pointer may be a
// declaration only (StructType.Incomplete): [Info.Complete] gives the
// definition. Type graphs from BTF are free of cycles by construction; those
// from DWARF are not promised to be, so walk them with a bound.
package types
