// Package hostram reads guest RAM straight out of the QEMU process that holds
// it, where that runs on this host and the kernel lets us.
//
// Nothing is guessed about QEMU's memory. The process is the one that holds the
// other end of the stub's own connection. Which guest-physical addresses are RAM
// QEMU's monitor says (`info mtree -f`), and where in its memory each lies, too
// (`gpa2hva`), so that backends, files, huge pages, NUMA nodes, DIMMs and the hole
// below 4 GiB need no rules here. Whoever uses it compares with the stub first.
package hostram
