// Package symtest is test support for everything that reads symbols: tiny ELF
// images built from tables, and access to the real kernels and the reference
// symbolizer on a developer's machine.
package symtest
