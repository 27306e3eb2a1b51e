package expr

import (
	"debug/dwarf"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

func TestFormatLettersChooseTheNotation(t *testing.T) {
	for src, want := range map[string]string{
		"x init.pid":   "0xffffffff",
		"d init.pid":   "-1",
		"u init.pid":   "4294967295",
		"o (int)8":     "010",
		"t (int)5":     "101",
		"z (int)5":     "0x00000005",
		"c 65":         "65 'A'",
		"a init.fn":    "0xffffffff81000010 <func+0x10>",
		"x init.mac":   "{0x52, 0x54, 0x0, 0x12, 0x34, 0x56}",
		"x init.neg":   "0xe",
		"d init.wide":  "-255",
		"s init.comm":  `"swap\"per/0"`,
		"s init.pid":   "-1",
		"x nums":       "{0xffff888000001000, 0xb, 0x16, 0x21}",
		"x init.state": "0x9",
	} {
		env, _ := world()
		v, err := env.Eval(src[2:])
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got := v.Format(&FormatOptions{Radix: src[0]}); got != want {
			t.Errorf("print/%s\n got %s\nwant %s", src, got, want)
		}
	}
}

func TestAPrettyStructHasALineForEachMember(t *testing.T) {
	env, _ := world()
	v, err := env.Eval("*current->mm")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := v.Format(&FormatOptions{Pretty: true}), "{\n  pgd = 19087360,\n  users = 2\n}"; got != want {
		t.Errorf("got %s", got)
	}
}

func TestOutputIsBounded(t *testing.T) {
	big := array(array(array(typeInt, 1<<30), 1<<30), 1<<30)
	wide := &dwarf.StructType{Kind: "struct", StructName: "wide"}
	for range 1 << 16 {
		wide.Field = append(wide.Field, field("a_member_of_some_length", 0, typeInt))
	}
	deep := dwarf.Type(typeInt)
	for range 100 {
		s := &dwarf.StructType{Kind: "struct", Field: []*dwarf.StructField{field("", 0, deep), field("", 0, deep)}}
		s.ByteSize = 4
		deep = s
	}
	endless := &dwarf.TypedefType{}
	endless.Type = endless
	for name, typ := range map[string]dwarf.Type{"huge arrays": big, "a wide struct": wide, "a deep struct": deep, "an endless typedef": endless} {
		env, g := world()
		v := At(typ, taskAt).In(env)
		text := v.Format(&FormatOptions{Bytes: 1000})
		if len(text) > 1003 || text == "" {
			t.Errorf("%s: %d bytes printed", name, len(text))
		}
		if g.bytes > 1<<20 {
			t.Errorf("%s: %d bytes read", name, g.bytes)
		}
	}
}

func TestLongStringsAndArraysAreCutOff(t *testing.T) {
	env, g := world()
	g.pieces[strAt] = []byte(strings.Repeat("x", 4096))
	v, err := env.Eval("init.name")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := v.Format(&FormatOptions{Elements: 5}), `0xffff888000003000 "xxxxx"...`; got != want {
		t.Errorf("pointer: %s", got)
	}
	chars := At(array(typeChar, 4096), strAt).In(env)
	if got, want := chars.Format(&FormatOptions{Elements: 5}), `"xxxxx"...`; got != want {
		t.Errorf("array: %s", got)
	}
	v, err = env.Eval("nums")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := v.Format(&FormatOptions{Elements: 2}), "{18446612682070036480, 11, ...}"; got != want {
		t.Errorf("numbers: %s", got)
	}
}

func TestWhatCannotBeReadIsSaidInItsPlace(t *testing.T) {
	env, g := world()
	g.pieces[taskAt] = g.pieces[taskAt][:40] // the rest of the struct is not mapped
	v, err := env.Eval("init")
	if err != nil {
		t.Fatal(err)
	}
	text := v.String()
	for _, want := range []string{`comm = "swap\"per/0"`, "pid = -1", "state = <read 4 bytes at 0xffff888000001028: not mapped>"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestWhatIsKnownOfAStructIsShown(t *testing.T) {
	long := &dwarf.IntType{BasicType: dwarf.BasicType{CommonType: dwarf.CommonType{ByteSize: 8, Name: "long"}}}
	pair := &dwarf.StructType{
		CommonType: dwarf.CommonType{ByteSize: 16}, Kind: "struct", StructName: "pair",
		Field: []*dwarf.StructField{{Name: "a", Type: long}, {Name: "b", Type: long, ByteOffset: 8}},
	}
	for want, lost := range map[string]types.Span{
		"{a = <optimized out>, b = 2}": {Off: 0, Size: 8},
		"{a = 1, b = <optimized out>}": {Off: 8, Size: 8},
		"{a = 1, b = 2}":               {Off: 16, Size: 8},
	} {
		v := Partly(pair, []byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}, []types.Span{lost})
		if got := v.In(new(Env)).String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestCharIsTextWhetherOrNotItIsSigned(t *testing.T) {
	tests := []struct {
		elem dwarf.Type
		want string
	}{
		{&dwarf.CharType{BasicType: basic("char", 1)}, `"a\036\036"`},
		{&dwarf.UcharType{BasicType: basic("char", 1)}, `"a\036\036"`},
		{&dwarf.UcharType{BasicType: basic("unsigned char", 1)}, `{97 'a', 30 '\036', 30 '\036'}`},
	}
	for _, w := range tests {
		v := Raw(&dwarf.ArrayType{Type: w.elem, Count: 3, CommonType: dwarf.CommonType{ByteSize: 3}}, []byte{'a', 30, 30})
		if got := v.In(new(Env)).String(); got != w.want {
			t.Errorf("%T %v: %s, want %s", w.elem, w.elem, got, w.want)
		}
	}
}

func TestScriptsReachMembersElementsAndText(t *testing.T) {
	env, _ := world()
	v, err := env.Eval("current")
	if err != nil {
		t.Fatal(err)
	}
	comm, err := v.Field("comm")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := comm.Text(); err != nil || s != `swap"per/0` {
		t.Errorf("comm %q, %v", s, err)
	}
	if c, err := comm.Index(0); err != nil {
		t.Error(err)
	} else if n, err := c.Int(); err != nil || n != 's' {
		t.Errorf("comm[0] %d, %v", n, err)
	}
	name, err := v.Field("name")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := name.Text(); err != nil || s != "e\x1b[31mvil\n" {
		t.Errorf("name %q, %v: raw text is what scripts compare", s, err)
	}
	if _, err := v.Text(); err == nil {
		t.Error("a struct pointer is no string")
	}
}

func TestOneReadServesAPageOfTheObjectAndNothingBeyond(t *testing.T) {
	const size = 3*pageSize + 8
	g := &guest{pieces: map[uint64][]byte{taskAt + 8: make([]byte, size)}}
	w := &window{under: g, start: taskAt + 8, end: taskAt + 8 + size}
	for off := uint64(0); off < size; off += 8 {
		if err := w.ReadMemory(make([]byte, 8), addr.Addr(taskAt+8+off)); err != nil {
			t.Fatalf("offset %d: %v", off, err)
		}
	}
	if g.reads != 4 {
		t.Errorf("%d reads for 4 pages", g.reads)
	}
	if err := w.ReadMemory(make([]byte, 8), taskAt); err == nil {
		t.Error("read in front of the object succeeded")
	}
}
