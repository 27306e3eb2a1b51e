package types

import (
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/dwarfx"
)

// FuzzBTF: whatever the bytes, there is an index or an error, and every type
// that is found can be walked, measured and written.
func FuzzBTF(f *testing.F) {
	seed, err := os.ReadFile("testdata/shapes.btf")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:24])
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := newBTF(data, nil)
		if (err != nil) != (b == nil) {
			t.Fatalf("index %v, error %v", b, err)
		}
		if b == nil {
			return
		}
		for id := range min(len(b.off), 500) {
			useType(t, b.typeOf(uint32(id)))
		}
		info := New(btfOnly(data))
		if l, err := info.Layout("shape"); (err != nil) != (l == nil) {
			t.Fatalf("layout %v, error %v", l, err)
		}
	})
}

// useType does with a type what users of the package do.
func useType(t *testing.T, typ dwarf.Type) {
	t.Helper()
	if text := Spell(typ); text == "" {
		t.Fatalf("%T has no spelling", typ)
	}
	if size, ok := SizeOf(typ); size < 0 || !ok && size != 0 {
		t.Fatalf("%s has size %d, %v", Spell(typ), size, ok)
	}
	for _, c := range Describe(typ) {
		if c < ' ' && c != '\n' && c != '\t' || c > '~' {
			t.Fatalf("description has %q", c)
		}
	}
	if st, ok := Strip(typ).(*dwarf.StructType); ok {
		Member(st, "nosuch")
	}
}

// patched serves a file's sections with one byte range replaced.
type patched struct {
	Source
	name string
	data []byte
}

func (p patched) Section(name string) ([]byte, error) {
	if name == p.name {
		return p.data, nil
	}
	return p.Source.Section(name)
}

// FuzzDWARF: a damaged .debug_info or .debug_abbrev gives answers or errors,
// in bounded time.
func FuzzDWARF(f *testing.F) {
	sources := []Source{openELF(f, "testdata/shapes4"), openELF(f, "testdata/shapes5")}
	sections := []string{".debug_info", ".debug_abbrev", ".debug_loc", ".debug_loclists", ".debug_aranges", ".debug_str"}
	f.Add(uint8(0), uint8(0), uint16(100), []byte{0xff, 0xff})
	f.Add(uint8(1), uint8(1), uint16(30), []byte{0x13, 0x01})
	f.Fuzz(func(t *testing.T, file, section uint8, at uint16, put []byte) {
		src := sources[int(file)%len(sources)]
		name := sections[int(section)%len(sections)]
		data, err := src.Section(name)
		if err != nil {
			return
		}
		data = append([]byte(nil), data...)
		if int(at) < len(data) {
			copy(data[at:], put)
		}
		info := New(patched{src, name, data})
		for _, n := range []string{"struct shape", "u64", "enum state", "union number"} {
			typ, err := info.TypeByName(n)
			if (err != nil) != (typ == nil) {
				t.Fatalf("type %v, error %v", typ, err)
			}
			if typ != nil {
				useType(t, typ)
			}
		}
		if v, err := info.Variable("square"); err == nil {
			useType(t, v.Type)
		}
		scopes, err := info.Scopes(0x401037)
		if (err != nil) != (len(scopes) == 0) {
			t.Fatalf("scopes %v, error %v", scopes, err)
		}
		for _, s := range scopes {
			for n := range s.Vars {
				s.Vars[n].Locate(allKnown())
			}
		}
	})
}

// allKnown is a frame in which everything can be read.
func allKnown() *Frame {
	f := &Frame{Regs: new(cfi.Regs), CFA: 0x7000, Memory: flat{}, Run: func(a addr.LinkAddr) addr.Addr { return addr.Addr(a) + 0x10 }}
	for r := range cfi.NumRegs {
		f.Regs.Set(r, 0x1000+uint64(r))
	}
	return f
}

// flat is a memory in which each word holds its address, but for page 0.
type flat struct{}

func (flat) ReadMemory(p []byte, a addr.Addr) error {
	if a < 0x1000 {
		return errors.New("not mapped")
	}
	for n := range p {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], uint64(a)+uint64(n)&^7)
		p[n] = w[n%8]
	}
	return nil
}

// FuzzLocation: an expression gives a place of the variable's size or an error.
func FuzzLocation(f *testing.F) {
	f.Add([]byte{dwarfx.OpFbreg, 0x70}, []byte{dwarfx.OpCallFrameCFA})
	f.Add([]byte{dwarfx.OpReg0, dwarfx.OpPiece, 4, dwarfx.OpReg0 + 1, dwarfx.OpPiece, 4}, []byte{})
	f.Fuzz(func(t *testing.T, expr, frameBase []byte) {
		typ, _ := builtinType("long int")
		l := Local{Type: typ, expr: expr, fn: &function{unit: emptyUnit(), frameBase: frameBase}}
		p, err := l.Locate(allKnown())
		if err != nil && (p.InMemory || p.Bytes != nil) {
			t.Fatalf("place %+v with error %v", p, err)
		}
		if err == nil && !p.InMemory && len(p.Bytes) < 8 {
			t.Fatalf("%d bytes", len(p.Bytes))
		}
	})
}

// FuzzSpelling: a type name is read or refused, and what was read is spelled
// so that it reads the same.
func FuzzSpelling(f *testing.F) {
	for _, s := range []string{"struct x *", "unsigned long", "char *[4][2]", "const int"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sp, err := parseSpelling(s)
		if err != nil {
			return
		}
		if sp.name == "" || sp.ptrs > maxPtrs || len(sp.dims) > 4 {
			t.Fatalf("%q read as %+v", s, sp)
		}
		useType(t, sp.wrap(unknownType("x")))
	})
}
