package types

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/dwarfx"
)

// At every instruction of a program, in every frame, inlined or not, arguments
// and locals must have the values that gdb gives, and none where it gives none.
func TestLocalsHaveTheValuesThatGDBGives(t *testing.T) {
	for _, cc := range []string{"gcc", "clang"} {
		for _, version := range []string{"4", "5"} {
			t.Run(cc+"-dwarf-"+version, func(t *testing.T) {
				program := compile(t, cc, version, "testdata/calls.c")
				info := New(openELF(t, program))
				var c stopComparison
				for _, s := range gdbStops(t, program) {
					c.compare(t, info, s)
				}
				t.Logf("%d values in %d frames of %d stops equal, %d of them rest on values at entry; %d are lost for both, %d for gdb only or made up by it",
					c.equal, c.frames, c.stops, c.entry, c.lost, c.better)
				if c.stops < 100 || c.equal < 1000 || c.entry == 0 || c.lost == 0 {
					t.Errorf("too little was compared: %+v", c)
				}
			})
		}
	}
}

// compile builds a program from C.
func compile(t *testing.T, cc, version, source string) string {
	t.Helper()
	if _, err := exec.LookPath(cc); err != nil {
		t.Skipf("SKIPPED, nothing was compared: %s is not installed", cc)
	}
	out := filepath.Join(t.TempDir(), "calls")
	cmd := exec.CommandContext(t.Context(), cc, "-gdwarf-"+version, "-O2", "-fno-pie", "-nostdlib", "-static", "-Wl,-no-pie",
		"-fno-stack-protector", "-fcf-protection=none", "-o", out, source)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED, nothing was compared: %s: %v\n%s", cc, err, text)
	}
	return out
}

// gdbStop is what testdata/stops.py writes of one stop.
type gdbStop struct {
	Memory map[string]string // address to bytes
	Frames []gdbFrame
}

type gdbFrame struct {
	Name   string
	PC     string
	Inline bool
	CFA    string
	Regs   map[string]string
	Vars   [][2]any // name; number as text, list of those, or nil
}

func gdbStops(t *testing.T, program string) (stops []gdbStop) {
	t.Helper()
	if _, err := exec.LookPath("gdb"); err != nil {
		t.Skip("SKIPPED, nothing was compared: gdb is not installed")
	}
	out, err := exec.CommandContext(t.Context(), "gdb", "-nx", "-batch", "-x", "testdata/stops.py", program).Output()
	if err != nil {
		t.Fatalf("run gdb: %v", err)
	}
	for line := range bytes.Lines(out) {
		text, ok := bytes.CutPrefix(line, []byte("@"))
		if !ok {
			continue
		}
		var s gdbStop
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		stops = append(stops, s)
	}
	if len(stops) == 0 {
		t.Skipf("SKIPPED, nothing was compared: gdb cannot run programs here:\n%.500s", out)
	}
	return stops
}

// saved is the memory that was saved, by address.
type saved map[uint64][]byte

func (s saved) ReadMemory(p []byte, a addr.Addr) error {
	for low, data := range s {
		if off := uint64(a) - low; off < uint64(len(data)) && uint64(len(data))-off >= uint64(len(p)) {
			copy(p, data[off:])
			return nil
		}
	}
	return errors.New("not saved")
}

type stopComparison struct{ stops, frames, equal, entry, lost, better int }

func parsed(t *testing.T, s string) uint64 {
	t.Helper()
	u, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// compare looks at all frames of a stop.
func (c *stopComparison) compare(t *testing.T, info *Info, s gdbStop) {
	t.Helper()
	mem := make(saved)
	for a, data := range s.Memory {
		mem[parsed(t, a)], _ = hex.DecodeString(data)
	}
	c.stops++
	var frames []*Frame // one per physical frame
	var pcs []addr.LinkAddr
	for _, f := range s.Frames {
		if f.Inline {
			continue
		}
		frame := &Frame{Regs: new(cfi.Regs), CFA: addr.Addr(parsed(t, f.CFA)), Memory: mem}
		for name, v := range f.Regs {
			r, _ := cfi.RegByName(name)
			frame.Regs.Set(r, parsed(t, v))
		}
		frames, pcs = append(frames, frame), append(pcs, addr.LinkAddr(parsed(t, f.PC)))
	}
	for n := range frames[:len(frames)-1] {
		frames[n].Caller = func() (*Caller, error) {
			return &Caller{Info: info, Frame: frames[n+1], Return: pcs[n+1]}, nil
		}
	}
	n, level := 0, 0
	for _, f := range s.Frames {
		pc := pcs[n]
		if n > 0 {
			pc--
		}
		scopes, err := info.Scopes(pc)
		if err != nil || level >= len(scopes) || scopes[level].Func != f.Name {
			t.Fatalf("%#x level %d: %+v, %v; gdb is in %s", uint64(pc), level, scopes, err, f.Name)
		}
		c.frames++
		c.variables(t, fmt.Sprintf("%s at %#x, frame %d", f.Name, uint64(pc), n), &scopes[level], frames[n], f)
		if level++; !f.Inline {
			n, level = n+1, 0
		}
	}
}

// variables compares one frame.
func (c *stopComparison) variables(t *testing.T, where string, s *Scope, frame *Frame, f gdbFrame) {
	t.Helper()
	if len(s.Vars) != len(f.Vars) {
		t.Errorf("%s: %d variables, gdb has %d: %v", where, len(s.Vars), len(f.Vars), f.Vars)
		return
	}
	for _, w := range f.Vars {
		for n := range s.Vars {
			if l := &s.Vars[n]; l.Name == w[0] {
				c.variable(t, where, l, frame, w[1])
				break
			}
		}
	}
}

func (c *stopComparison) variable(t *testing.T, where string, l *Local, frame *Frame, want any) {
	t.Helper()
	p, err := l.Locate(frame)
	if p.InMemory {
		size, _ := SizeOf(l.Type)
		p.Bytes = make([]byte, size)
		err = frame.read(p.Bytes, p.Addr)
	}
	if lost(want) {
		c.lost++
		if raw, ok := passedByHop[l.Name]; ok && err == nil && p.Bytes[0] == raw {
			c.better++
		} else if err == nil {
			t.Errorf("%s: %s is % x, gdb says optimized out (expression % x)", where, l.Name, p.Bytes, l.expr)
		}
		return
	}
	if text, ok := want.(string); ok && strings.HasPrefix(text, "gdb: ") {
		if c.better++; !strings.Contains(text, "Incompatible types on DWARF stack") {
			t.Errorf("%s: %s: %s", where, l.Name, text) // clang mixes types that gdb refuses
		}
		return
	}
	if err != nil && knownBetter(l) {
		c.better++
		return
	}
	if err != nil {
		t.Errorf("%s: %s: %v; gdb says %v (expression % x)", where, l.Name, err, want, l.expr)
		return
	}
	if got := asGDB(t, l, &p, want); got != fmt.Sprint(want) {
		t.Errorf("%s: %s is %s, gdb says %v (expression % x)", where, l.Name, got, want, l.expr)
		return
	}
	c.equal++
	if bytes.IndexByte(l.expr, dwarfx.OpEntryValue) >= 0 || bytes.IndexByte(l.expr, dwarfx.OpGNUEntryValue) >= 0 {
		c.entry++
	}
}

// passedByHop is what hop leaves leaf as arguments when it jumps there. gdb finds
// out for gcc's debug info, but not for what clang says of jumps.
var passedByHop = map[string]byte{"x": 2, "y": 2, "z": 3}

// knownBetter reports whether gdb makes up a value: it shows a pointer to what
// is not in memory as 0, and the rest of a struct of which only the first part
// has a location as zeros.
func knownBetter(l *Local) bool {
	if len(l.expr) == 0 {
		return false
	}
	size, _ := SizeOf(l.Type)
	last := l.expr[len(l.expr)-1]
	return dwarfx.SameOp(l.expr[0]) == dwarfx.OpImplicitPtr || len(l.expr) == 3 && l.expr[1] == dwarfx.OpPiece && int64(last) < size
}

// lost reports whether gdb has no part of a value.
func lost(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return !slices.ContainsFunc(v, func(part any) bool { return part != nil })
	}
	return false
}

// asGDB writes a value, or those of the fields, as sign-extended numbers.
func asGDB(t *testing.T, l *Local, p *Place, want any) string {
	t.Helper()
	list, ok := want.([]any)
	if !ok {
		return signExtended(Spell(Strip(l.Type)), p.Bytes)
	}
	st := Strip(l.Type)
	lay, err := l.fn.info.Layout(Spell(st))
	if err != nil || len(list) != len(lay.Fields()) {
		t.Fatalf("%s: %v", Spell(st), err)
	}
	var parts []string
	for _, f := range lay.Fields() {
		text := "<nil>"
		if !slices.Contains(p.Lost, Span{f.Off, f.Size}) {
			text = signExtended(Spell(Strip(f.Type)), p.Bytes[f.Off:f.Off+f.Size])
		}
		parts = append(parts, text)
	}
	return "[" + strings.Join(parts, " ") + "]"
}

func signExtended(spelling string, raw []byte) string {
	signed := !strings.Contains(spelling, "unsigned") && !strings.Contains(spelling, "*")
	return strconv.FormatUint(dwarfx.Operand{Size: uint8(len(raw)), Signed: signed}.As(le(raw)).U, 10)
}
