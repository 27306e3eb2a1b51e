// Package kernel is what a running Linux kernel knows about itself, read from
// its memory: where KASLR put it, who runs where, which modules are loaded,
// what it has logged, and whether it has crashed already.
//
// Nothing here is a table of offsets. Layouts and symbols come from the
// vmlinux, and versions of the kernel are told apart by which fields and
// symbols there are. What a kernel does not have is reported as unknown.
//
// The guest may be corrupted by the very bug under study: every list walk has
// a bound and notices cycles, every count is checked before it is believed,
// and what was found before the damage is returned with the error.
package kernel
