package unwind

import (
	"errors"
	"slices"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

func TestLookupPCIsExactOnlyWhereTheFrameWasInterrupted(t *testing.T) {
	for _, tt := range []struct {
		name  string
		frame Frame
		want  addr.Addr
	}{
		{"return address", Frame{PC: outer}, outer - 1},
		{"interrupted", Frame{PC: outer, Interrupted: true}, outer},
		{"no pc", Frame{}, 0},
	} {
		if got := tt.frame.LookupPC(); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestFrameTellsHowItWasFound(t *testing.T) {
	u := &Unwinder{ORC: kernelRows(), Text: inText}
	mem := onStack(middle+5, 0, 0, exception+5).ptRegs(4, 0, at(25), 0x10).with(25, start+9)
	frames, err := walkAll(u, regsAt(leaf, at(0)), mem)
	if err != nil || len(frames) != 5 {
		t.Fatalf("got %v, %v", pcs(frames), err)
	}
	for i, want := range []Frame{
		{PC: leaf, CFA: at(1), Interrupted: true},
		{PC: middle + 5, CFA: at(4), Source: ORC},
		{PC: exception + 5, CFA: at(4), Source: ORC},
		{PC: 0, CFA: at(26), Source: ORC, Interrupted: true, Kind: cfi.FullRegs, RegsAt: at(4)},
		{PC: start + 9, Source: Popped},
	} {
		got := frames[i]
		got.Regs = cfi.Regs{}
		if got != want {
			t.Errorf("frame %d: got %+v, want %+v", i, got, want)
		}
		if !got.Reliable() {
			t.Errorf("frame %d is not reliable", i)
		}
	}
}

func TestRegistersThatTheCallerMayHaveLostAreUnknown(t *testing.T) {
	full := cfi.Regs{}
	for r := range cfi.NumRegs {
		full.Set(r, 0x100+uint64(r))
	}
	full.Set(cfi.RIP, uint64(leaf))
	full.Set(cfi.RSP, uint64(at(0)))
	agrees := kernelRows()[leaf]
	agrees.Rules[cfi.RBX] = cfi.Rule{Kind: cfi.AtCFA, Off: 16}
	agrees.Rules[cfi.R12] = cfi.Rule{Kind: cfi.Same}
	differs := agrees
	differs.CFA.Off = 24
	for _, tt := range []struct {
		name  string
		cfi   Rows
		known []cfi.Reg
	}{
		{"without .debug_frame", nil, []cfi.Reg{cfi.RBP, cfi.RSP, cfi.RIP}},
		{"with a .debug_frame that agrees", rowsOf{leaf: agrees}, []cfi.Reg{cfi.RBX, cfi.RBP, cfi.RSP, cfi.R12, cfi.RIP}},
		{"with a .debug_frame that does not", rowsOf{leaf: differs}, []cfi.Reg{cfi.RBP, cfi.RSP, cfi.RIP}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := &Unwinder{ORC: kernelRows(), CFI: tt.cfi, Text: inText}
			frames, err := walkAll(u, full, onStack(start+9, 0, 0, 77))
			if err != nil || len(frames) != 2 {
				t.Fatalf("got %v, %v", pcs(frames), err)
			}
			var known []cfi.Reg
			for r := range cfi.NumRegs {
				if _, ok := frames[1].Regs.Get(r); ok {
					known = append(known, r)
				}
			}
			if !slices.Equal(known, tt.known) {
				t.Errorf("known are %v, want %v", known, tt.known)
			}
			if rbx, ok := frames[1].Regs.Get(cfi.RBX); ok && rbx != 77 {
				t.Errorf("rbx is %d", rbx)
			}
		})
	}
}

func TestAnIretFrameKeepsTheRegistersThatEntryCodeHasNotTouched(t *testing.T) {
	regs := regsAtFP(early+5, at(0), 0x1234)
	frames, err := walkAll(&Unwinder{ORC: kernelRows(), Text: inText}, regs, onStack(leaf, 0x10, 0, at(5), 0x18, start+9))
	if err != nil || len(frames) != 3 {
		t.Fatalf("got %v, %v", pcs(frames), err)
	}
	f := frames[1]
	if bp, ok := f.Regs.Get(cfi.RBP); !ok || bp != 0x1234 || f.Kind != cfi.PartialRegs || f.RegsAt != at(0) {
		t.Errorf("got rbp %#x %v in %+v", bp, ok, f)
	}
}

func TestTheUserModeFrameIsTheLastAndSaysSo(t *testing.T) {
	mem := onStack().ptRegs(0, 0x401000, 0x7ffc0000, 0x33)
	frames, err := walkAll(&Unwinder{ORC: kernelRows(), Text: inText}, regsAt(exception, at(0)), mem)
	if err != nil || len(frames) != 2 || !frames[1].User || frames[0].User {
		t.Errorf("got %+v, %v", frames, err)
	}
}

func TestInactiveTaskStartsWhereItWasSwitchedAway(t *testing.T) {
	mem := onStack(15, 14, 13, 12, 3, 6, middle+5)
	f, err := Inactive(mem, at(0), 0)
	if err != nil || f.PC != middle+5 || f.Interrupted || f.SP() != at(7) {
		t.Fatalf("got %+v, %v", f, err)
	}
	for r, want := range map[cfi.Reg]uint64{cfi.R15: 15, cfi.R14: 14, cfi.R13: 13, cfi.R12: 12, cfi.RBX: 3, cfi.RBP: 6} {
		if v, ok := f.Regs.Get(r); !ok || v != want {
			t.Errorf("%v is %d, %v", r, v, ok)
		}
	}
	if f, err := Inactive(mem, at(0), middle+5); err != nil || f.LookupPC() != middle+5 {
		t.Errorf("a task that never ran: got %v, %v", f.LookupPC(), err)
	}
	if f, err := Inactive(onStack(1), at(0), 0); err == nil || f != (Frame{}) {
		t.Errorf("half a frame: got %+v, %v", f, err)
	}
}

func TestSavedGivesTheInterruptedFrame(t *testing.T) {
	f, err := Saved(onStack().ptRegs(0, leaf, at(30), 0x10), at(0))
	if err != nil || f.PC != leaf || f.SP() != at(30) || !f.Interrupted || f.User || f.RegsAt != at(0) {
		t.Errorf("got %+v, %v", f, err)
	}
	if di, ok := f.Regs.Get(cfi.RDI); !ok || di != 0x1000+14 {
		t.Errorf("rdi is %#x", di)
	}
	if f, err := Saved(onStack().ptRegs(0, 0x401000, 0, 0x33), at(0)); err != nil || !f.User {
		t.Errorf("from user mode: got %+v, %v", f, err)
	}
	if f, err := Saved(onStack(1), at(0)); err == nil || f != (Frame{}) {
		t.Errorf("half a pt_regs: got %+v, %v", f, err)
	}
}

func TestMapAsksTheTableOfTheAreaInItsOwnAddresses(t *testing.T) {
	leafAt := func(pc uint64) tableAt { return tableAt(pc) }
	m := NewMap(
		Area{Low: 0x3000, High: 0x4000, Table: leafAt(0x100), Slide: 0x2f00},
		Area{Low: 0x1000, High: 0x2000, Table: leafAt(0x1500)},
	)
	for pc, want := range map[addr.Addr]bool{0xfff: false, 0x1500: true, 0x1501: false, 0x2000: false, 0x3000: true, 0x4000: false} {
		if _, ok := m.Row(pc); ok != want {
			t.Errorf("%#x: got %v", uint64(pc), ok)
		}
	}
	if _, ok := NewMap().Row(0); ok {
		t.Error("an empty map has a row")
	}
}

// tableAt is a table with a row at one pc.
type tableAt uint64

// Row gives a row at that pc.
func (t tableAt) Row(pc uint64) (cfi.Row, bool) { return cfi.Row{}, pc == uint64(t) }

// Without ORC, as CONFIG_UNWINDER_FRAME_POINTER builds it, entry code marks
// its pt_regs by an odd frame pointer.
func TestAKernelWithFramePointersNeedsNoTables(t *testing.T) {
	u := &Unwinder{Text: inText}
	mem := onStack(at(3)+1, leaf+5, 0).ptRegs(3, middle+5, at(24), 0x10)
	mem[at(3+4)] = uint64(at(25)) // rbp in pt_regs
	mem.with(25, 0).with(26, start+9)
	frames, err := walkAll(u, regsAtFP(leaf+9, at(0), at(0)), mem)
	want := []addr.Addr{leaf + 9, leaf + 5, middle + 5, start + 9}
	if err != nil || !slices.Equal(pcs(frames), want) {
		t.Fatalf("got %v, %v; want %v", pcs(frames), err, want)
	}
	if f := frames[2]; !f.Interrupted || f.Kind != cfi.FullRegs || f.Source != FP || f.Reliable() {
		t.Errorf("got %+v", f)
	}
}

func TestStopErrorCarriesItsCause(t *testing.T) {
	cause := errors.New("guest is gone")
	_, err := walkAll(&Unwinder{ORC: kernelRows(), Text: inText}, regsAt(leaf, at(0)), broken{cause})
	if !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

// broken is memory that cannot be read.
type broken struct{ err error }

// ReadMemory fails.
func (b broken) ReadMemory([]byte, addr.Addr) error { return b.err }
