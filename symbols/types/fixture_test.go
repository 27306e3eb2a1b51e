package types

import (
	"debug/dwarf"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"ktrap/symbols/addr"
)

// btfOnly serves a .BTF section and nothing else.
type btfOnly []byte

func (b btfOnly) Section(name string) ([]byte, error) {
	if name != ".BTF" {
		return nil, errors.New("no section " + name)
	}
	return b, nil
}

// fixtures are the same types in all three formats; see testdata/make-shapes.sh.
func fixtures(t testing.TB) map[string]Source {
	t.Helper()
	btf, err := os.ReadFile("testdata/shapes.btf")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Source{
		"BTF": btfOnly(btf), "DWARF 4": openELF(t, "testdata/shapes4"), "DWARF 5": openELF(t, "testdata/shapes5"),
	}
}

func TestFieldsAreFoundByPath(t *testing.T) {
	tests := []struct {
		path              string
		off, size         int64
		bitOff, bitSize   int64
		spelling, because string
	}{
		{"name", 0, 16, 0, 0, "char [16]", "a direct member"},
		{"name[3]", 3, 1, 0, 0, "char", "an element"},
		{"mac", 32, 6, 0, 0, "u8 [6]", "a typedef"},
		{"list.prev", 64, 8, 0, 0, "struct list_head *", "a member of a member"},
		{"n.part[2]", 74, 1, 0, 0, "u8", "an element within a union"},
		{"flags.a", 80, 1, 0, 3, "u32", "a bit field at bit 0"},
		{"flags.b", 80, 1, 3, 5, "int", "a bit field up to the byte's end"},
		{"flags.c", 81, 2, 0, 9, "u32", "a bit field over two bytes"},
		{"flags.e", 82, 6, 2, 40, "u64", "a bit field over six bytes"},
		{"in[1].i", 104, 4, 0, 0, "int", "within an unnamed union of an element"},
		{"in[1].d", 109, 1, 0, 0, "char", "within an unnamed struct of an element"},
		{"matrix[1][2]", 132, 4, 0, 0, "int", "an element of two dimensions"},
		{"matrix[1]", 124, 12, 0, 0, "int [3]", "a row"},
		{"fn", 384, 8, 0, 0, "int (*)(int)", "a function pointer"},
	}
	for format, src := range fixtures(t) {
		l, err := New(src).Layout("shape")
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if l.Size() != 408 || l.Name() != "struct shape" {
			t.Errorf("%s: %s of %d bytes", format, l.Name(), l.Size())
		}
		for _, w := range tests {
			if format == "BTF" && strings.HasPrefix(w.path, "matrix") {
				continue // pahole makes one dimension of several
			}
			f, ok := l.Field(w.path)
			if !ok || f.Off != w.off || f.Size != w.size || f.BitOff != w.bitOff || f.BitSize != w.bitSize || Spell(f.Type) != w.spelling {
				t.Errorf("%s: %s (%s): %+v %q, %v", format, w.path, w.because, f, Spell(f.Type), ok)
			}
		}
		for _, bad := range []string{"", ".", "nosuch", "name[16]", "name[-1]", "pid.x", "list.", "list..next", "list.next.next", "flags.a.x", "name[", "[0]", "pid[0]"} {
			if f, ok := l.Field(bad); ok {
				t.Errorf("%s: path %q gives %+v", format, bad, f)
			}
		}
	}
}

func TestTypesAreFoundByTheirCSpelling(t *testing.T) {
	spellings := map[string]string{
		"struct shape":              "struct shape",
		"  struct   shape * ":       "struct shape *",
		"const struct shape*const*": "struct shape **",
		"union number":              "union number",
		"enum state":                "enum state",
		"u64":                       "u64",
		"bool":                      "bool",
		"unsigned":                  "unsigned int",
		"unsigned long":             "long unsigned int",
		"long unsigned int":         "long unsigned int",
		"unsigned long long":        "long long unsigned int",
		"short":                     "short int",
		"signed char":               "signed char",
		"char **":                   "char **",
		"void *":                    "void *",
		"int[4]":                    "int [4]",
		"struct inner [2][3]":       "struct inner [2][3]",
		"char *[2]":                 "char *[2]",
	}
	for format, src := range fixtures(t) {
		info := New(src)
		for name, want := range spellings {
			got, err := info.TypeByName(name)
			if err != nil || Spell(got) != want {
				t.Errorf("%s: %q is %v, %v; want %s", format, name, got, err, want)
			}
		}
		for _, bad := range []string{"", "*", "struct", "struct a b", "int int x", "struct shape )", "int[", "int[x]", "nosuch", "struct nosuch", "union shape",
			strings.Repeat("*", 3) + "int", "int " + strings.Repeat("*", 99)} {
			if got, err := info.TypeByName(bad); err == nil {
				t.Errorf("%s: %q is %v, want an error", format, bad, got)
			}
		}
		if _, err := info.TypeByName("struct nosuch"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: unknown type gives %v", format, err)
		}
	}
}

func TestDeclarationsBehindPointersAreCompleted(t *testing.T) {
	for format, src := range fixtures(t) {
		info := New(src)
		l, err := info.Layout("shape")
		if err != nil {
			t.Fatal(err)
		}
		f, _ := l.Field("next")
		st, ok := f.Type.(*dwarf.PtrType).Type.(*dwarf.StructType)
		if !ok || !st.Incomplete || st.StructName != "shape" {
			t.Errorf("%s: next points to %+v, want a declaration", format, f.Type)
			continue
		}
		full, err := info.Complete(st)
		if err != nil || full.(*dwarf.StructType).Incomplete || len(full.(*dwarf.StructType).Field) != len(l.Type().Field) {
			t.Errorf("%s: completed to %v, %v", format, full, err)
		}
	}
}

func TestVariablesFunctionsAndConstantsAreFound(t *testing.T) {
	for format, src := range fixtures(t) {
		if format == "BTF" {
			continue // has only types and constants
		}
		info := New(src)
		for _, w := range []struct {
			name, spelling string
			external       bool
		}{{"square", "struct shape", true}, {"counter", "int", false}, {"sink", "volatile int", true}} {
			v, err := info.Variable(w.name)
			if err != nil || Spell(v.Type) != w.spelling || v.External != w.external || v.Addr == 0 || v.File != "shapes.c" {
				t.Errorf("%s: %s is %+v, %v", format, w.name, v, err)
			}
		}
		v, err := info.Function("twice")
		if err != nil || Spell(v.Type) != "int (int)" || v.Addr == 0 {
			t.Errorf("%s: twice is %+v, %v", format, v, err)
		}
		if _, err := info.Variable("nosuch"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", format, err)
		}
	}
	for format, src := range fixtures(t) {
		n, e, err := New(src).Constant("STUCK")
		if err != nil || n != 8 || Spell(e) != "enum state" {
			t.Errorf("%s: STUCK is %d of %v, %v", format, n, e, err)
		}
		if n, _, err := New(src).Constant("MINUS"); err != nil || n != -1 {
			t.Errorf("%s: MINUS is %d, %v", format, n, err)
		}
	}
}

func TestScopesStandInnermostFirst(t *testing.T) {
	for format, src := range fixtures(t) {
		if format == "BTF" {
			continue
		}
		info := New(src)
		out, err := info.Function("outer")
		if err != nil {
			t.Fatal(err)
		}
		scopes, err := info.Scopes(out.Addr)
		if err != nil || len(scopes) != 1 || scopes[0].Func != "outer" {
			t.Fatalf("%s: %+v, %v", format, scopes, err)
		}
		var names []string
		for _, v := range scopes[0].Vars {
			names = append(names, v.Name)
		}
		if got := strings.Join(names, " "); got != "s n where buf spilled split r" {
			t.Errorf("%s: %s", format, got)
		}
		if _, err := info.Scopes(addr.LinkAddr(1)); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: no function at 1 gives %v", format, err)
		}
	}
}

func TestQuestionsMayBeAskedConcurrently(t *testing.T) {
	for format, src := range fixtures(t) {
		info := NewModule(src, New(src))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				l, err := info.Layout("shape")
				if err != nil {
					t.Errorf("%s: %v", format, err)
					return
				}
				f, _ := l.Field("next")
				if _, err := info.Complete(f.Type.(*dwarf.PtrType).Type); err != nil {
					t.Errorf("%s: %v", format, err)
				}
				info.Variables("square")
				info.Scopes(0x401037)
			})
		}
		wg.Wait()
	}
}

func TestAFileWithoutDebugInfoSaysSo(t *testing.T) {
	info := New(without{btfOnly(nil), "."})
	if _, err := info.Layout("task_struct"); !errors.Is(err, ErrNoDebugInfo) {
		t.Errorf("Layout: %v", err)
	}
	if _, err := info.Variable("init_task"); !errors.Is(err, ErrNoDebugInfo) {
		t.Errorf("Variable: %v", err)
	}
	if _, err := info.Scopes(1); !errors.Is(err, ErrNoDebugInfo) {
		t.Errorf("Scopes: %v", err)
	}
	if typ, err := info.TypeByName("unsigned long"); err != nil || typ.Size() != 8 {
		t.Errorf("base types need no debug info: %v, %v", typ, err)
	}
}

// Rust lists members as they were written and places them otherwise.
func TestMembersThatWereReorderedAreShownAsTheyLie(t *testing.T) {
	u8, u64 := &dwarf.UintType{}, &dwarf.UintType{}
	u8.Name, u8.ByteSize, u64.Name, u64.ByteSize = "u8", 1, "u64", 8
	typ := &dwarf.StructType{StructName: "P", Kind: "struct", Field: []*dwarf.StructField{
		{Name: "a", Type: u8, ByteOffset: 8}, {Name: "b", Type: u64},
	}}
	typ.ByteSize = 16
	want := `struct P {
	u64 b;                                   /*     0         8 */
	u8 a;                                    /*     8         1 */
	/* padding of 7 bytes */

	/* size: 16, members: 2, padding: 7 bytes */
};
`
	if got := Describe(typ); got != want {
		t.Errorf("%s", got)
	}
}

func TestADescriptionShowsPlacesAndHoles(t *testing.T) {
	want := `struct inner {
	short int x;                             /*     0         2 */
	/* hole of 2 bytes */
	union {
		int i;                           /*     4         4 */
		float f;                         /*     4         4 */
	};                                       /*     4         4 */
	struct {
		char c;                          /*     8         1 */
		char d;                          /*     9         1 */
	};                                       /*     8         2 */
	/* padding of 2 bytes */

	/* size: 12, members: 3, holes: 1 (2 bytes), padding: 2 bytes */
};
`
	for format, src := range fixtures(t) {
		l, err := New(src).Layout("inner")
		if err != nil {
			t.Fatal(err)
		}
		if got := Describe(l.Type()); got != want {
			t.Errorf("%s:\n%s", format, got)
		}
	}
}
