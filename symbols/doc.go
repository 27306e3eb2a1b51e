// Package symbols answers which function, which source line and which symbol an
// address of the running kernel belongs to, and where a name lives.
//
// An [Image] is one file on the host (vmlinux or a module) in link addresses. A
// [Module] is what the guest says about one loaded module. A [Symbolizer] is an
// immutable snapshot of vmlinux, KASLR slide and placed modules; it works in
// run-time addresses and is what the rest of ktrap talks to.
//
// Functions are named and sized as the kernel itself prints them, by the rules
// of kallsyms: the size of a symbol is the distance to the next one, padding
// included, and of several symbols at one address a fixed one is preferred.
package symbols
