package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// Facts about KASLR on x86-64.
// Source: linux arch/x86/include/asm/page_64_types.h, boot/compressed/kaslr.c.
const (
	slotSize   = 2 << 20 // CONFIG_PHYSICAL_ALIGN
	imageSlots = 512     // the image and its randomization range: 1 GiB
)

// idtBase is the read-only alias of the IDT in the CPU entry area. It is at
// this address in every kernel since 4.14, with 4 and 5 levels, and mapped in
// user page tables under page-table isolation too.
const idtBase addr.Addr = 0xfffffe0000000000

// Vectors whose handlers tell the slide, and the names of the handlers: since
// 5.8, and before.
const (
	gateSize        = 16
	vectorDivide    = 0
	vectorPageFault = 14
)

// finder looks for the kernel of a vmlinux in memory.
type finder struct {
	image    vmlinux
	sections sections
	mem      target.Memory
	mapped   func(addr.Addr) (bool, error)
}

// found is a kernel in memory.
type found struct {
	slide    addr.Slide
	how      string
	buildID  string
	banner   string
	mismatch *MismatchError // nil: it is the vmlinux's
}

// find gives the verified kernel; or, with mismatch set, the best guess at
// the slide of another one.
// Errors: ErrNotBooted.
func (f *finder) find() (found, error) {
	idt, idtErr := f.fromIDT()
	if idtErr == nil {
		if k, err := f.verified(idt, "IDT"); err == nil || stop(err) {
			return k, err
		}
	} else if stop(idtErr) {
		return found{}, idtErr
	}
	text, err := f.firstMapped()
	if err != nil {
		return found{}, err
	}
	if text == 0 {
		return found{}, ErrNotBooted
	}
	first := addr.Slide(text - addr.Addr(f.linkText()))
	if k, err := f.verified(first, "page tables"); err == nil || stop(err) {
		return k, err
	}
	for slot := range imageSlots {
		slide := addr.Slide(kernelImage + uint64(slot*slotSize) - uint64(f.linkText()))
		if k, err := f.verified(slide, "banner search"); err == nil || stop(err) {
			return k, err
		}
	}
	return f.other(text, first)
}

// errNotHere says that a slide is not that of this kernel.
var errNotHere = errors.New("no such kernel at this slide")

// stop reports whether an error ends the search, as one of the connection does.
func stop(err error) bool {
	_, fault := errors.AsType[*target.FaultError](err)
	return err != nil && !fault && !errors.Is(err, errNotHere)
}

// fromIDT computes the slide from the handler of page faults, and checks it
// with that of the divide error.
func (f *finder) fromIDT() (addr.Slide, error) {
	pf, ok := link(f.image, "asm_exc_page_fault", "page_fault")
	de, ok2 := link(f.image, "asm_exc_divide_error", "divide_error")
	if !ok || !ok2 {
		return 0, fmt.Errorf("look up page fault handler: %w", errNotHere)
	}
	var b [gateSize * (vectorPageFault + 1)]byte
	if err := f.mem.ReadMemory(b[:], idtBase); err != nil {
		return 0, fmt.Errorf("read IDT: %w", err)
	}
	slide := addr.Slide(gateHandler(b[:], vectorPageFault) - uint64(pf))
	if check := addr.Slide(gateHandler(b[:], vectorDivide) - uint64(de)); check != slide || !plausible(slide) {
		return 0, fmt.Errorf("handlers of page fault and divide error disagree: %w", errNotHere)
	}
	return slide, nil
}

// gateHandler decodes the handler of an IDT gate.
// Source: Intel SDM vol. 3A, figure 6-8.
func gateHandler(idt []byte, vector int) uint64 {
	g := idt[vector*gateSize:]
	le := binary.LittleEndian
	return uint64(le.Uint16(g)) | uint64(le.Uint16(g[6:]))<<16 | uint64(le.Uint32(g[8:]))<<32
}

// plausible reports whether KASLR can choose a slide.
func plausible(s addr.Slide) bool {
	return s%slotSize == 0 && s > -imageSlots*slotSize && s < imageSlots*slotSize
}

// linkText is the link address of the image's first slot.
func (f *finder) linkText() addr.LinkAddr {
	a, ok := link(f.image, "_text", "_stext")
	if !ok {
		return kernelImage + 16<<20 // CONFIG_PHYSICAL_START of every distribution
	}
	return a &^ (slotSize - 1)
}

// firstMapped finds the first slot of the image's range that is mapped: the
// kernel unmaps what lies before its text. 0: nothing is mapped there.
func (f *finder) firstMapped() (addr.Addr, error) {
	for slot := range imageSlots {
		a := addr.Addr(kernelImage + uint64(slot*slotSize))
		ok, err := f.mapped(a)
		if errors.Is(err, target.ErrNoPaging) {
			return 0, ErrNotBooted
		}
		if err != nil {
			return 0, fmt.Errorf("look for the kernel image: %w", err)
		}
		if ok {
			return a, nil
		}
	}
	return 0, nil
}
