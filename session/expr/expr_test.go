package expr

import (
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

// guest is a memory of a few mapped pieces that counts what is read.
type guest struct {
	pieces map[uint64][]byte
	reads  int
	bytes  int
}

func (g *guest) ReadMemory(p []byte, a addr.Addr) error {
	for base, data := range g.pieces {
		if off := uint64(a) - base; off <= uint64(len(data)) && uint64(len(p)) <= uint64(len(data))-off {
			copy(p, data[off:])
			g.reads++
			g.bytes += len(p)
			return nil
		}
	}
	return errors.New("not mapped")
}

func (g *guest) put(a uint64, words ...uint64) {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	g.pieces[a] = b
}

// dictionary knows the types and variables of the tests.
type dictionary struct {
	types map[string]dwarf.Type
	vars  map[string]Value
}

func (d *dictionary) TypeByName(name string) (dwarf.Type, error) {
	base := strings.TrimSpace(strings.TrimRight(name, "* "))
	t, ok := d.types[base]
	if !ok {
		return nil, fmt.Errorf("no type %q", name)
	}
	for range strings.Count(name, "*") {
		t = types.PointerTo(t)
	}
	return t, nil
}

func (d *dictionary) Complete(t dwarf.Type) (dwarf.Type, error) {
	if st, ok := t.(*dwarf.StructType); ok && st.Incomplete {
		return d.TypeByName("struct " + st.StructName)
	}
	return t, nil
}

func (d *dictionary) Lookup(name string) (Value, error) {
	if v, ok := d.vars[name]; ok {
		return v, nil
	}
	return Value{}, fmt.Errorf("no variable %q", name)
}

func field(name string, off int64, t dwarf.Type) *dwarf.StructField {
	return &dwarf.StructField{Name: name, ByteOffset: off, Type: t}
}

func bitField(name string, bit, size int64, t dwarf.Type) *dwarf.StructField {
	return &dwarf.StructField{Name: name, DataBitOffset: bit, BitSize: size, Type: t}
}

func array(t dwarf.Type, n int64) dwarf.Type { return &dwarf.ArrayType{Type: t, Count: n} }

const (
	taskAt = 0xffff888000001000
	mmAt   = 0xffff888000002000
	initAt = 0xffffffff82a00000
	textAt = 0xffffffff81000010
	strAt  = 0xffff888000003000
)

// world is a kernel with one task and a few odd variables.
func world() (*Env, *guest) {
	shell := &dwarf.StructType{Kind: "struct", StructName: "task", Incomplete: true}
	uchar := &dwarf.UcharType{BasicType: basic("unsigned char", 1)}
	u64 := &dwarf.TypedefType{Type: typeUlong, CommonType: dwarf.CommonType{Name: "u64", ByteSize: 8}}
	state := &dwarf.EnumType{EnumName: "state", CommonType: dwarf.CommonType{Name: "state", ByteSize: 4},
		Val: []*dwarf.EnumValue{{Name: "RUNNING", Val: 0}, {Name: "SLEEPING", Val: 1}, {Name: "DEAD", Val: 8}}}
	fn := &dwarf.FuncType{ReturnType: typeInt, ParamType: []dwarf.Type{types.PointerTo(new(dwarf.VoidType))}}
	mm := &dwarf.StructType{Kind: "struct", StructName: "mm", Field: []*dwarf.StructField{field("pgd", 0, typeUlong), field("users", 8, typeInt)}}
	mm.ByteSize = 16
	anon := &dwarf.StructType{Kind: "union", Field: []*dwarf.StructField{field("on", 0, typeInt), field("off", 0, typeUint)}}
	anon.ByteSize = 4
	task := &dwarf.StructType{Kind: "struct", StructName: "task", Field: []*dwarf.StructField{
		field("comm", 0, array(typeChar, 16)), field("pid", 16, typeInt), field("", 20, anon),
		field("mm", 24, types.PointerTo(mm)), field("parent", 32, types.PointerTo(shell)), field("state", 40, state),
		bitField("low", 44*8, 3, typeUint), bitField("neg", 44*8+3, 4, typeInt), bitField("wide", 44*8+7, 9, typeUint),
		field("ok", 46, &dwarf.BoolType{BasicType: basic("_Bool", 1)}), field("mac", 47, array(uchar, 6)),
		field("fn", 56, types.PointerTo(fn)), field("zeros", 64, array(typeInt, 12)), field("name", 112, types.PointerTo(typeChar)),
	}}
	task.ByteSize = 120
	g := &guest{pieces: make(map[uint64][]byte)}
	image := make([]byte, 120)
	copy(image, "swap\"per/0")
	le := binary.LittleEndian
	le.PutUint32(image[16:], 0xffffffff)
	le.PutUint32(image[20:], 7)
	le.PutUint64(image[24:], mmAt)
	le.PutUint64(image[32:], taskAt)
	le.PutUint32(image[40:], 9)
	le.PutUint16(image[44:], 5|0b1110<<3|257<<7)
	image[46] = 1
	copy(image[47:], []byte{0x52, 0x54, 0, 0x12, 0x34, 0x56})
	le.PutUint64(image[56:], textAt)
	le.PutUint64(image[112:], strAt)
	g.pieces[taskAt] = image
	g.put(mmAt, 0x1234000, 2)
	g.put(initAt, taskAt, 11, 22, 33)
	g.pieces[strAt] = make([]byte, 4096)
	copy(g.pieces[strAt], "e\x1b[31mvil\n")
	d := &dictionary{
		types: map[string]dwarf.Type{"struct task": task, "struct mm": mm, "u64": u64, "char": typeChar, "int": typeInt,
			"unsigned long": typeUlong, "unsigned char": uchar, "void": new(dwarf.VoidType), "enum state": state, "unsigned int": typeUint},
		vars: map[string]Value{
			"init": At(task, taskAt), "current": At(types.PointerTo(shell), initAt), "nums": At(array(typeUlong, 4), initAt),
			"gone": Missing(typeInt, ErrOptimizedOut), "wild": Raw(types.PointerTo(task), []byte{8, 0, 0, 0, 0, 0, 0, 0}),
			"seven": Signed(7), "handler": At(fn, textAt), "pcp": At(typeUlong, 0x8),
			"pair": Raw(array(typeInt, 2), []byte{1, 0, 0, 0, 2, 0, 0, 0}), "bad": Raw(types.PointerTo(typeChar), make([]byte, 8)),
		},
	}
	env := &Env{Memory: g, Types: d, Scope: d,
		Reg: func(name string) (uint64, bool) { return initAt, name == "rdi" },
		PerCPU: func(a addr.Addr, cpu int) (addr.Addr, error) {
			if cpu > 1 {
				return 0, errors.New("no such CPU")
			}
			return initAt + a + addr.Addr(8*cpu), nil
		},
		Namer: func(a addr.Addr) (string, bool) {
			if a>>12 == textAt>>12 {
				return fmt.Sprintf("func+%#x", uint64(a)&0xfff), true
			}
			return "", false
		},
	}
	return env, g
}

func TestExpressionsEvaluateAsInC(t *testing.T) {
	for src, want := range map[string]string{
		"1 + 2 * 3":                        "7",
		"(1 + 2) * 3":                      "9",
		"10 - 4 - 3":                       "3",
		"-7 / 2":                           "-3",
		"-7 % 4":                           "-3",
		"1 << 4 | 1":                       "17",
		"0xffffffff + 1":                   "0",
		"0xffffffffUL + 1":                 "4294967296",
		"2147483647 + 1":                   "-2147483648",
		"-1 < 0u":                          "0",
		"-1 < 0":                           "1",
		"~0":                               "-1",
		"!5 || 0":                          "0",
		"0 && gone":                        "0",
		"1 || gone":                        "1",
		"5 == 5 && 4 != 5":                 "1",
		"'a'":                              "97 'a'",
		"0x7fffffffffffffff":               "9223372036854775807",
		"18446744073709551615":             "18446744073709551615",
		"sizeof(struct task)":              "120",
		"sizeof(int)":                      "4",
		"sizeof init.comm":                 "16",
		"sizeof(init)":                     "120",
		"init.comm":                        `"swap\"per/0"`,
		"init.comm[1]":                     "119 'w'",
		"init.pid":                         "-1",
		"init.on":                          "7",
		"current->pid":                     "-1",
		"current.pid":                      "-1",
		"current->parent->parent->mm->pgd": "19087360",
		"*current->mm":                     "{pgd = 19087360, users = 2}",
		"&init":                            "(struct task *) 0xffff888000001000",
		"&current->mm->users":              "(int *) 0xffff888000002008",
		"nums[2]":                          "22",
		"*(nums + 3)":                      "33",
		"*nums@2":                          "{18446612682070036480, 11}",
		"&nums[3] - &nums[1]":              "2",
		"nums + 1 == &nums[1]":             "1",
		"(u64)init.pid":                    "18446744073709551615",
		"(u64)-1":                          "18446744073709551615",
		"(seven)-1":                        "6",
		"(int)0x1ffffffff":                 "-1",
		"(unsigned char)300":               "44 ','",
		"((struct task *)0xffff888000001000)->pid": "-1",
		"(void *)0x10":                         "(void *) 0x10",
		"*(unsigned long *)0xffff888000002000": "19087360",
		"$rdi":                                 "18446744071606108160",
		"*(struct task **)$rdi == current":     "1",
		"*$rdi == current":                     "1",
		"init.state":                           "(SLEEPING | DEAD)",
		"(enum state)0":                        "RUNNING",
		"(enum state)6":                        "6",
		"init.low":                             "5",
		"init.neg":                             "-2",
		"init.wide":                            "257",
		"init.low + init.neg":                  "3",
		"init.ok":                              "true",
		"init.mac":                             `{82 'R', 84 'T', 0 '\000', 18 '\022', 52 '4', 86 'V'}`,
		"init.fn":                              "(int (*)(void *)) 0xffffffff81000010 <func+0x10>",
		"*init.fn":                             "{int (void *)} 0xffffffff81000010 <func+0x10>",
		"handler":                              "{int (void *)} 0xffffffff81000010 <func+0x10>",
		"init.zeros":                           "{0 <repeats 12 times>}",
		"init.name":                            `0xffff888000003000 "e\033[31mvil\n"`,
		"gone":                                 "<optimized out>",
		"pair":                                 "{1, 2}",
		"pair[1]":                              "2",
		"per_cpu(pcp, 0)":                      "11",
		"per_cpu(pcp, 1)":                      "22",
		"offsetof(struct task, mm)":            "24",
		"offsetof(struct task, comm[3])":       "3",
		"container_of(&init.mm, struct task, mm) == &init": "1",
		"bad":        "0x0",
		"wild":       "(struct task *) 0x8",
		"wild->comm": `<read 16 bytes at 0x8: not mapped>`,
	} {
		env, _ := world()
		v, err := env.Eval(src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got := v.String(); got != want {
			t.Errorf("%s\n got %s\nwant %s", src, got, want)
		}
	}
}

func TestMistakesAreReportedAtTheirColumn(t *testing.T) {
	for src, want := range map[string]string{
		"":                      "want a value, not end of expression",
		"1 +":                   "column 4: want a value, not end of expression",
		"1 + #":                 "column 5: unexpected '#'",
		"init.nosuch":           `column 6: struct task has no member "nosuch"`,
		"1 + nosuch":            `column 5: no variable "nosuch"`,
		"(1":                    `column 3: want ")", not end of expression`,
		"nums[1":                `column 7: want "]", not end of expression`,
		"1 / (1 - 1)":           "column 3: division by zero",
		"init + 1":              "column 6: struct task is no number",
		"*seven->x":             "column 9: long has no members",
		"init.5":                `column 6: want a member name, not "5"`,
		"$rsi":                  "register $rsi is not known here",
		"$":                     "no register name behind $",
		"12x":                   `bad number "12x"`,
		"1 2":                   `column 3: unexpected "2"`,
		"(struct nosuch *)1":    `no type "struct nosuch *"`,
		"panic(1)":              `functions of the guest cannot be called: "panic"`,
		"&1":                    "value is not in memory",
		"&init.low":             "a bit field has no address",
		"1 + gone":              "column 3: optimized out",
		"wild->pid + 1":         "column 11: read 4 bytes at 0x18: not mapped",
		"*(void *)1":            "void * points to nothing that has a type",
		"per_cpu(pcp, 7)":       "no such CPU",
		"per_cpu(seven, 0)":     "no copy of CPU 0",
		"'ab'":                  "bad character constant",
		strings.Repeat("(", 99): "column 65: more than 64 operators",
		strings.Repeat("-", 99): "column 65: more than 64 operators",
	} {
		env, _ := world()
		v, err := env.Eval(src)
		if err == nil {
			t.Errorf("%s: no error but %s", src, v)
			continue
		}
		if err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", src, err, want)
		}
	}
}

func TestOnlyWhatIsNeededIsRead(t *testing.T) {
	for src, want := range map[string]int{
		"init":             0,
		"&current->mm":     8,
		"init.pid":         0,
		"current->mm->pgd": 16,
		"init.mm == 0":     8,
	} {
		env, g := world()
		if _, err := env.Eval(src); err != nil {
			t.Errorf("%s: %v", src, err)
		}
		if g.bytes != want {
			t.Errorf("%s: %d bytes read, want %d", src, g.bytes, want)
		}
	}
}

func TestAStructIsReadOnceWhenPrinted(t *testing.T) {
	env, g := world()
	v, err := env.Eval("init")
	if err != nil {
		t.Fatal(err)
	}
	text := v.String()
	// One read of the struct, one of the string its last member points to.
	if g.reads != 2 {
		t.Errorf("%d reads for %s", g.reads, text)
	}
}
