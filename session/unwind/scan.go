package unwind

import (
	"encoding/binary"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

const (
	pageSize = 4096
	// scanSize is the end of a scan where the stack is not known: the smallest
	// THREAD_SIZE, to which stacks are aligned.
	scanSize = 16 << 10
	// maxGuesses bounds what a scan yields, as a stack full of text addresses
	// helps nobody.
	maxGuesses = 128
)

// scan yields every word above f's stack pointer that looks like a return
// address, as the kernel does with its question marks. It reports whether the
// consumer wants more.
func (w *walk) scan(f *Frame, yield func(Frame, error) bool) bool {
	at := (f.SP() + 7) &^ 7
	end := at | (scanSize - 1)
	if s, ok := w.stackOf(at); ok {
		end = min(s.High-1, at+1<<20)
	}
	if !at.Kernel() || end < at {
		return true
	}
	guesses := 0
	var page [pageSize]byte
	for at <= end && guesses < maxGuesses {
		n := min(pageSize-at%pageSize, end+1-at)
		b := page[:n&^7]
		if len(b) == 0 || w.mem.ReadMemory(b, at) != nil {
			return true
		}
		for ; len(b) > 0 && guesses < maxGuesses; b, at = b[8:], at+8 {
			pc := addr.Addr(binary.LittleEndian.Uint64(b))
			g := w.guess(pc, at)
			if !pc.Kernel() || !w.isText(g.LookupPC()) {
				continue
			}
			guesses++
			if !yield(g, nil) {
				return false
			}
		}
		if at == 0 {
			return true
		}
	}
	return true
}

// guess is a frame for the return address pc found at a place on the stack.
func (w *walk) guess(pc, at addr.Addr) Frame {
	g := Frame{PC: pc, Source: Guess}
	g.Regs.Set(cfi.RIP, uint64(pc))
	g.Regs.Set(cfi.RSP, uint64(at)+8)
	if s, ok := w.stackOf(at); ok {
		g.Stack = s.Name
	}
	return g
}
