// Package elffile opens ELF files the way a kernel debugger needs them: mapped,
// not read (a Debian vmlinux has 590 MB), sections decompressed on demand, and
// relocatable files (kernel modules) laid out and relocated so that the rest of
// ktrap can treat a .ko like a linked image.
//
// The link address space of a module is made up here: every SHF_ALLOC section of
// an ET_REL file gets an address of its own, starting at [RelBase], and symbol
// values and .debug_* contents are relocated against it. Who knows where the
// guest put each section converts with (section, offset) pairs.
//
// It is also the one wrapper around debug/elf: what panics there on a damaged
// file becomes an error here, and [Guard] does the same for a mapped file that
// is truncated while it is in use.
package elffile
