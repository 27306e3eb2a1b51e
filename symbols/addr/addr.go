// Package addr keeps run-time and link-time addresses apart. A kernel under
// KASLR runs at a different place than its vmlinux says; mixing the two up is
// the oldest bug of kernel debuggers. Only [Slide] converts between them.
package addr

import "fmt"

// Addr is an address in the running kernel, after KASLR.
type Addr uint64

// LinkAddr is an address as written in vmlinux, before KASLR.
type LinkAddr uint64

// Slide is what KASLR added: run-time address minus link address.
// Units: bytes; on x86-64 a multiple of 2 MiB below 1 GiB.
type Slide int64

// KernelHalf is the lowest canonical address of the kernel half with 5-level
// page tables; anything below it is user space or no address at all.
const KernelHalf = 0xff00000000000000

// Run gives the run-time address of a link address.
func (s Slide) Run(a LinkAddr) Addr { return Addr(uint64(a) + uint64(s)) }

// Link gives the link address of a run-time address.
func (s Slide) Link(a Addr) LinkAddr { return LinkAddr(uint64(a) - uint64(s)) }

// String prints the slide as the kernel's panic notifier does.
func (s Slide) String() string {
	if s < 0 {
		return fmt.Sprintf("-%#x", uint64(-s))
	}
	return fmt.Sprintf("%#x", uint64(s))
}

// Kernel reports whether the address lies in the kernel half.
func (a Addr) Kernel() bool { return a >= KernelHalf }

// String prints 16 hexadecimal digits with 0x, as gdb does for code.
func (a Addr) String() string { return fmt.Sprintf("0x%016x", uint64(a)) }

// String prints 16 hexadecimal digits with 0x.
func (a LinkAddr) String() string { return fmt.Sprintf("0x%016x", uint64(a)) }
