package types

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
)

// btfBytes writes a BTF section out of type records and strings.
func btfBytes(types []uint32, strs string) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(nil, btfMagic)
	b = append(b, 1, 0)
	for _, n := range []int{btfHeaderSize, 0, 4 * len(types), 4 * len(types), len(strs)} {
		b = le.AppendUint32(b, uint32(n))
	}
	for _, t := range types {
		b = le.AppendUint32(b, t)
	}
	return append(b, strs...)
}

func record(kind btfKind, vlen int) uint32 { return uint32(kind)<<24 | uint32(vlen) }

// splitPair is a kernel's BTF with int and struct base { int a; }, and that of a
// module with struct own { struct base b; int c; } and a per-CPU struct own.
func splitPair() (kernel, module []byte) {
	kernel = btfBytes([]uint32{
		1, record(btfInt, 0), 4, 1<<24 | 32, // 1: int
		5, record(btfStruct, 1), 4, 10, 1, 0, // 2: struct base
	}, "\x00int\x00base\x00a\x00")
	const strs = 12
	module = btfBytes([]uint32{
		strs, record(btfStruct, 2), 8, strs + 4, 2, 0, strs + 6, 1, 32, // 3: struct own
		strs + 8, record(btfVar, 0), 3, 1, // 4: var
		strs + 12, record(btfDatasec, 1), 8, 4, 0x40, 8, // 5
	}, "own\x00b\x00c\x00var\x00.data..percpu\x00")
	return kernel, module
}

func TestSplitBTFIsReadOnTopOfTheKernels(t *testing.T) {
	kernel, module := splitPair()
	if !IsRaw(module) || IsRaw([]byte("\x7fELF")) {
		t.Error("a BTF file is not told from others")
	}
	info := NewModule(Raw(module), New(Raw(kernel)))
	s, err := info.Subject("own.b.a")
	if err != nil || s.Field.Off != 0 || Spell(s.Type) != "int" {
		t.Fatalf("%+v, %v", s, err)
	}
	if s, err := info.Subject("own.c"); err != nil || s.Field.Off != 4 {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := info.Subject("base"); err != nil || Spell(s.Type) != "struct base" {
		t.Errorf("a type of the kernel: %+v, %v", s, err)
	}
	v, err := info.Variable("var")
	if err != nil || !v.PerCPU || v.Addr != 0x40 || Spell(v.Type) != "struct own" {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := info.Variable("nosuch"); !errors.Is(err, ErrNoDebugInfo) {
		t.Errorf("a variable that only DWARF could have: %v", err)
	}
}

func TestADistilledBaseOnlyDeclaresStructs(t *testing.T) {
	base := btfBytes([]uint32{1, record(btfStruct, 0), 16}, "\x00opaque\x00")
	data := btfBytes([]uint32{8, record(btfStruct, 1), 16, 12, 1, 0}, "own\x00m\x00")
	// Strings of a split BTF count from behind those of its base.
	info := New(patched{Source: Raw(data), name: ".BTF.base", data: base})
	s, err := info.Subject("own.m")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := info.Outline(s.Type, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("its members are left out: %v", err)
	}
}

func TestAStructWithoutNamedMembersIsNoDeclaration(t *testing.T) {
	info := New(Raw(btfBytes([]uint32{1, record(btfStruct, 0), 16}, "\x00opaque\x00")))
	s, err := info.Subject("opaque")
	if err != nil {
		t.Fatal(err)
	}
	o, err := info.Outline(s.Type, nil)
	if err != nil || o.Size != 16 || o.Sum.Padding != 16 {
		t.Errorf("%+v, %v", o, err)
	}
}

// The kernel on this machine may offer its BTF and its modules'.
func TestRealBTFFilesOfTheRunningKernelAreRead(t *testing.T) {
	const dir = "/sys/kernel/btf/"
	kernel, err := os.ReadFile(dir + "vmlinux")
	if err != nil {
		t.Skip("SKIPPED, nothing was read: this kernel offers no BTF: ", err)
	}
	base := New(Raw(kernel))
	if _, err := base.Layout("task_struct"); err != nil {
		t.Error(err)
	}
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		data, err := os.ReadFile(dir + f.Name())
		if f.Name() == "vmlinux" || err != nil {
			continue
		}
		m := NewModule(Raw(data), base)
		if b, err := m.loadBTF(); err != nil || len(b.off) == 0 {
			t.Errorf("%s: %v", f.Name(), err)
		}
	}
}
