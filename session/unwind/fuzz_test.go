package unwind

import (
	"encoding/binary"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/orc"
)

// wheel is memory that repeats a few bytes for ever, so that no walk ends for
// want of memory.
type wheel []byte

// ReadMemory reads around the wheel.
func (w wheel) ReadMemory(p []byte, a addr.Addr) error {
	for i := range p {
		p[i] = w[uint64(a+addr.Addr(i))%uint64(len(w))]
	}
	return nil
}

// FuzzWalk walks a hostile stack by a hostile table: every walk ends within its
// bounds, the error comes last, and no guess comes before a step.
func FuzzWalk(f *testing.F) {
	f.Add(uint64(leaf), uint64(stack), uint64(0), []byte{8, 0, 0, 0, 5, 2}, []byte{5, 0, 0, 0x81, 0xff, 0xff, 0xff, 0xff})
	f.Add(uint64(leaf), uint64(stack), uint64(stack), []byte{16, 0, 0xf0, 0xff, 0x14, 0x02, 0, 0, 0, 0, 5, 0xb}, []byte{5, 0, 0, 0x81, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, pc, sp, bp uint64, entries, mem []byte) {
		n := len(entries) / 6
		if len(mem) == 0 {
			return
		}
		var ip []byte
		for i := range n {
			ip = binary.LittleEndian.AppendUint32(ip, uint32(12*i)) // an entry every 16 bytes
		}
		table, err := orc.New(ip, uint64(leaf), entries[:6*n], orc.V3)
		if err != nil {
			t.Fatal(err)
		}
		u := &Unwinder{ORC: everywhere(table), Text: inText, Scan: true, Limit: 40}
		regs := regsAtFP(addr.Addr(pc), addr.Addr(sp), addr.Addr(bp))
		for r := range cfi.R15 {
			if _, ok := regs.Get(r); !ok {
				regs.Set(r, bp)
			}
		}
		steps, guesses, failed := 0, 0, false
		for frame, err := range u.Frames(regs, wheel(mem)) {
			switch {
			case failed:
				t.Fatal("something follows the error")
			case err != nil:
				failed = true
			case frame.Source == Guess:
				guesses++
			case guesses > 0:
				t.Fatal("a guess comes before a step")
			default:
				steps++
			}
		}
		if steps == 0 || steps > 40 || guesses > maxGuesses {
			t.Errorf("%d steps, %d guesses", steps, guesses)
		}
	})
}
