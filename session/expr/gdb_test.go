package expr

import (
	"debug/elf"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/elffile"
	"ktrap/symbols/types"
)

// shapes is where the fixtures are that symbols/types made with gcc and gdb.
const shapes = "../../symbols/types/testdata/"

// Where we print otherwise than gdb, and why.
var otherwise = map[string]string{
	"square.name":   `"square\t\"1\""`, // trailing NULs say nothing
	"square.behind": `"a\000b"`,        // likewise, but what is behind a NUL stays
	"buf":           `"stack"`,         // likewise
	"~square.state": "4294967286",      // arithmetic gives numbers, as in C
}

func TestValuesPrintAsGDBPrintsThem(t *testing.T) {
	for _, file := range []string{"shapes4", "shapes5"} {
		t.Run(file, func(t *testing.T) {
			s := openSession(t, file)
			compared := 0
			for _, line := range s.lines {
				kind, rest, _ := strings.Cut(line, " ")
				src, want, ok := strings.Cut(rest, "\t")
				if !ok {
					continue
				}
				env := s.outer
				if kind == "@inlined" {
					env = s.inlined
				}
				if w, ok := otherwise[src]; ok {
					want = w
				}
				v, err := env.Eval(src)
				if err != nil {
					t.Errorf("%s: %v", src, err)
					continue
				}
				if got := v.String(); want != "" && got != want {
					t.Errorf("%s\n got %s\nwant %s", src, got, want)
				}
				compared++
			}
			if compared < 60 {
				t.Errorf("only %d values compared", compared)
			}
		})
	}
}

// session is a recorded gdb session: registers, stack and what gdb printed.
type session struct {
	lines          []string
	outer, inlined *Env
}

func openSession(t *testing.T, file string) *session {
	t.Helper()
	text, err := os.ReadFile(shapes + file + ".gdb")
	if err != nil {
		t.Fatal(err)
	}
	f, err := elffile.Open(shapes + file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	s := &session{lines: strings.Split(string(text), "\n")}
	info := types.New(f)
	g := &guest{pieces: map[uint64][]byte{}}
	loadSections(t, f, g)
	frame := &types.Frame{Regs: new(cfi.Regs), Memory: g, Run: func(a addr.LinkAddr) addr.Addr { return addr.Addr(a) }}
	for _, line := range s.lines {
		readState(t, strings.TrimPrefix(line, "@stack"), frame, g)
	}
	scopes, err := info.Scopes(addr.LinkAddr(frame.Regs.PC()))
	if err != nil || len(scopes) != 2 || scopes[0].Func != "inlined" || !scopes[0].Inlined || scopes[1].Func != "outer" {
		t.Fatalf("scopes %+v, %v", scopes, err)
	}
	globals := Globals{Info: info, Run: frame.Run}
	env := Env{Memory: g, Types: info, Namer: namer(t, f)}
	outer, inlined := env, env
	outer.Scope = Chain{Locals{scopes[1], frame}, globals}
	inlined.Scope = Chain{Locals{scopes[0], frame}, Locals{scopes[1], frame}, globals}
	s.outer, s.inlined = &outer, &inlined
	return s
}

// readState takes one line of registers, stack or frame address.
func readState(t *testing.T, line string, f *types.Frame, g *guest) {
	t.Helper()
	switch {
	case strings.HasPrefix(line, "@reg "):
		name, value, _ := strings.Cut(line[5:], "0x")
		r, ok := cfi.RegByName(name)
		if !ok {
			t.Fatalf("register %q", name)
		}
		f.Regs.Set(r, parseHex(t, value))
	case strings.HasPrefix(line, "@frame"):
		_, at, _ := strings.Cut(line, "frame at 0x")
		f.CFA = addr.Addr(parseHex(t, strings.TrimSuffix(at, ":")))
	case strings.HasPrefix(line, "0x7ff"):
		at, bytes, _ := strings.Cut(line, ":")
		var b []byte
		for _, w := range strings.Fields(bytes) {
			b = append(b, byte(parseHex(t, strings.TrimPrefix(w, "0x"))))
		}
		g.pieces[parseHex(t, at[2:])] = b
	}
}

func parseHex(t *testing.T, s string) uint64 {
	t.Helper()
	v, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// loadSections maps the program as it was before anything ran.
func loadSections(t *testing.T, f *elffile.File, g *guest) {
	t.Helper()
	for _, s := range f.Sections() {
		if !s.Alloc() {
			continue
		}
		data := make([]byte, s.Size)
		if s.Type != elf.SHT_NOBITS {
			b, err := f.Section(s.Name)
			if err != nil {
				t.Fatal(err)
			}
			copy(data, b)
		}
		g.pieces[s.Addr] = append(data, make([]byte, 256)...)
	}
}

// namer names addresses by the symbol table, as gdb does.
func namer(t *testing.T, f *elffile.File) func(addr.Addr) (string, bool) {
	t.Helper()
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	return func(a addr.Addr) (string, bool) {
		for _, s := range syms {
			off := uint64(a) - s.Value
			switch {
			case off == 0 && s.Size > 0:
				return s.Name, true
			case off < s.Size && s.Name == "square":
				return fmt.Sprintf("%s+%d", s.Name, off), true
			}
		}
		return "", false
	}
}
