package kernel

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// moduleLayouts are small structs of 6.1's kind.
func moduleLayouts() fakeLayouts {
	return fakeLayouts{
		"module": {512, map[string][2]int64{
			"state": {0, 4}, "list": {8, 16}, "name": {24, 56}, "taints": {80, 8}, "percpu": {88, 8},
			"sect_attrs": {96, 8}, "kallsyms": {104, 8},
			"arch.num_orcs": {112, 4}, "arch.orc_unwind_ip": {120, 8}, "arch.orc_unwind": {128, 8},
			"core_layout.base": {136, 8}, "core_layout.size": {144, 4}, "core_layout.text_size": {148, 4},
			"init_layout.base": {160, 8}, "init_layout.size": {168, 4}, "init_layout.text_size": {172, 4},
		}},
		"module_sect_attrs": {48, map[string][2]int64{"grp.bin_attrs": {24, 8}, "nsections": {40, 4}, "attrs": {48, 0}}},
		"module_sect_attr":  {72, map[string][2]int64{"battr.attr.name": {0, 8}, "address": {64, 8}}},
		"bin_attribute":     {64, map[string][2]int64{"attr.name": {0, 8}, "private": {24, 8}}},
		"mod_kallsyms":      {32, map[string][2]int64{"symtab": {0, 8}, "num_symtab": {8, 4}, "strtab": {16, 8}, "typetab": {24, 8}}},
	}
}

const moduleBase addr.Addr = 0xffffffffc0400000

// section is one of a module that a test makes.
type section struct {
	name string
	at   addr.Addr
}

var testSections = []section{
	{".text", moduleBase}, {".data", moduleBase + 0x2000}, {".note.gnu.build-id", moduleBase + 0x1000},
}

type moduleGuest struct{ *guest }

func newModuleGuest() moduleGuest {
	g := moduleGuest{newGuest()}
	g.layouts = moduleLayouts()
	g.static("modules")
	g.put(moduleBase+0x1000, note(testID))
	return g
}

// link makes the list of modules.
func (g moduleGuest) link(mods ...addr.Addr) {
	head, _ := g.Kernel.Symbol("modules")
	g.ring(head, mods, 8)
}

// module makes a struct module with the sections in the form of 5.8 to 6.13.
func (g moduleGuest) module(name string) addr.Addr {
	a := g.alloc(512)
	g.put(a+24, []byte(name))
	g.put64(a+136, uint64(moduleBase))
	g.put32(a+144, 0x3000)
	g.put32(a+148, 0x1000)
	sects := g.alloc(48 + 72*len(testSections))
	g.put32(sects+40, uint32(len(testSections)))
	for i, s := range testSections {
		e := sects + 48 + addr.Addr(72*i)
		g.put64(e, uint64(g.str(s.name)))
		g.put64(e+64, uint64(s.at))
	}
	g.put64(a+96, uint64(sects))
	return a
}

func (g moduleGuest) only(t *testing.T) Module {
	t.Helper()
	list, err := g.Modules(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("modules are %v, %v", list, err)
	}
	return list[0]
}

func TestModulesHaveMemorySectionsAndABuildID(t *testing.T) {
	g := newModuleGuest()
	g.link(g.module("crashme"))
	m := g.only(t)
	text := symbols.Range{Start: moduleBase, End: moduleBase + 0x1000}
	if m.Name != "crashme" || m.Base != moduleBase || m.Size != 0x3000 || len(m.Text) != 1 || m.Text[0] != text || m.BuildID != testID {
		t.Errorf("module is %+v", m)
	}
	checkSections(t, m)
}

func checkSections(t *testing.T, m Module) {
	t.Helper()
	want := map[string]addr.Addr{}
	for _, s := range testSections {
		want[s.name] = s.at
	}
	if !maps.Equal(m.Sections, want) {
		t.Errorf("sections are %v, want %v", m.Sections, want)
	}
}

func TestSectionsAreReadInTheFormOfEveryKernel(t *testing.T) {
	t.Run("up to 5.7", func(t *testing.T) {
		g := newModuleGuest()
		g.layouts.(fakeLayouts)["module_sect_attr"] = fakeLayout{72, map[string][2]int64{"name": {0, 8}, "address": {64, 8}}}
		g.link(g.module("m"))
		checkSections(t, g.only(t))
	})
	t.Run("since 6.14", func(t *testing.T) {
		g := newModuleGuest()
		g.layouts.(fakeLayouts)["module_sect_attrs"] = fakeLayout{40, map[string][2]int64{"grp.bin_attrs_new": {24, 8}, "attrs": {40, 0}}}
		a := g.module("m")
		sects, list := g.alloc(40+64*len(testSections)), g.alloc(8*len(testSections)+8)
		for i, s := range testSections {
			e := sects + 40 + addr.Addr(64*i)
			g.put64(e, uint64(g.str(s.name)))
			g.put64(e+24, uint64(s.at))
			g.put64(list+addr.Addr(8*i), uint64(e))
		}
		g.put64(sects+24, uint64(list))
		g.put64(a+96, uint64(sects))
		g.link(a)
		checkSections(t, g.only(t))
	})
}

func TestMemoryOfAModuleSince64IsByType(t *testing.T) {
	g := newModuleGuest()
	mod := g.layouts.(fakeLayouts)["module"]
	for f := range mod.fields {
		if strings.Contains(f, "_layout.") {
			delete(mod.fields, f)
		}
	}
	for i := range int64(memoryTypes) {
		mod.fields[fmt.Sprintf("mem[%d].base", i)] = [2]int64{136 + 24*i, 8}
		mod.fields[fmt.Sprintf("mem[%d].size", i)] = [2]int64{144 + 24*i, 4}
	}
	a := g.module("m")
	g.put64(a+136, uint64(moduleBase))
	g.put64(a+144, 0x1000)
	g.put64(a+160, uint64(moduleBase)+0x2000) // data
	g.put64(a+168, 0x1000)
	g.link(a)
	m := g.only(t)
	if len(m.Text) != 1 || len(m.Memory) != 2 || m.Size != 0x2000 || m.Base != moduleBase {
		t.Errorf("module is %+v", m)
	}
}

func TestAModuleIsReadAgainOnlyWhenItChanged(t *testing.T) {
	g := newModuleGuest()
	a, b := g.module("one"), g.module("two")
	g.link(a)
	g.only(t)
	before := maps.Clone(g.fakeMemory)
	for page := range g.fakeMemory { // its sections are gone, the struct module is not
		if head, _ := g.Kernel.Symbol("modules"); page != a&^(pageSize-1) && page != head {
			delete(g.fakeMemory, page)
		}
	}
	checkSections(t, g.only(t))
	g.fakeMemory, g.view = before, viewOf(before)
	g.link(b, a)
	g.put(a+24, []byte("new"))
	list, err := g.Modules(t.Context())
	if err != nil || len(list) != 2 || list[0].Name != "two" || list[1].Name != "new" {
		t.Errorf("modules are %v, %v", list, err)
	}
	g.link(b)
	if _, err := g.Modules(t.Context()); err != nil || len(g.Kernel.modules) != 1 {
		t.Errorf("an unloaded module is kept: %v, %v", g.Kernel.modules, err)
	}
}

func TestACorruptedModuleListGivesWhatWasFoundBeforeIt(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(g moduleGuest, a, b addr.Addr)
		want  string
		err   string
	}{
		{"a pointer is garbage", func(g moduleGuest, a, _ addr.Addr) { g.put64(a+8, 0x4141414141414141) }, "a", "not a kernel pointer"},
		{"it is a cycle", func(g moduleGuest, _, b addr.Addr) { g.put64(b+8, uint64(b+8)) }, "ab", "leads back"},
		{"it leads to nothing", func(g moduleGuest, a, _ addr.Addr) { g.put64(a+8, 0xffffc90000000000) }, "a", "no memory"},
		{"a module claims too many sections", func(g moduleGuest, a, _ addr.Addr) { g.put32(g.ptr(a+96)+40, 1<<30) }, "ab", "claims"},
		{"sections are unreadable", func(g moduleGuest, a, _ addr.Addr) { g.put64(a+96, 0xffffc90000000000) }, "ab", "sections"},
		{"a module claims all of memory", func(g moduleGuest, a, _ addr.Addr) { g.put32(a+144, 0xffffffff) }, "ab", ""},
		{"a module is not set up yet", func(g moduleGuest, a, _ addr.Addr) { g.put32(a, uint32(moduleUnformed)) }, "b", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newModuleGuest()
			a, b := g.module("a"), g.module("b")
			g.link(a, b)
			tt.spoil(g, a, b)
			list, err := g.Modules(t.Context())
			names := ""
			for _, m := range list {
				names += m.Name
			}
			if names != tt.want {
				t.Errorf("modules are %q, want %q", names, tt.want)
			}
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error is %v, want one with %q", err, tt.err)
			}
		})
	}
}

func (g *guest) ptr(a addr.Addr) addr.Addr {
	p, err := readPtr(g.fakeMemory, a)
	if err != nil {
		panic(err)
	}
	return p
}

func TestSymbolsOfAModuleComeFromTheGuest(t *testing.T) {
	g := newModuleGuest()
	a := g.module("m")
	tab, strs, kinds, head := g.alloc(4*symSize), moduleBase+0x2f00, g.str("\x00tdU"), g.alloc(32)
	g.put(strs, []byte("\x00crash\x00state\x00printk\x00"))
	for i, s := range []struct {
		name  uint32
		shndx byte
	}{{0, 0}, {1, 1}, {7, 2}, {13, 0}} {
		e := tab + addr.Addr(i*symSize)
		g.put32(e, s.name)
		g.put(e+6, []byte{s.shndx, 0})
		g.put64(e+8, uint64(moduleBase)+uint64(i))
	}
	g.put64(head, uint64(tab))
	g.put32(head+8, 4)
	g.put64(head+16, uint64(strs))
	g.put64(head+24, uint64(kinds))
	g.put64(a+104, uint64(head))
	g.link(a)
	m := g.only(t)
	got, err := g.ModuleSymbols(t.Context(), &m)
	want := []symbols.GuestSymbol{{Name: "crash", Addr: moduleBase + 1, Kind: symbols.KindFunc}, {Name: "state", Addr: moduleBase + 2, Kind: symbols.KindObject}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("symbols are %v, %v; want %v", got, err, want)
	}
	g.put32(head+8, 1<<31)
	if _, err := g.ModuleSymbols(t.Context(), &m); err == nil {
		t.Error("two billion symbols were believed")
	}
	g.put32(head+8, 4)
	g.put32(tab, 0xffffffff)
	if _, err := g.ModuleSymbols(context.Background(), &m); err != nil {
		t.Errorf("a wild name in a module of known size: %v", err)
	}
}

func TestORCTablesOfAModuleComeFromTheGuest(t *testing.T) {
	g := newModuleGuest()
	a := g.module("m")
	ip, entries := g.str("abcdefgh"), g.str("ABCDEFabcdef")
	g.put32(a+112, 2)
	g.put64(a+120, uint64(ip))
	g.put64(a+128, uint64(entries))
	g.link(a)
	m := g.only(t)
	o, err := g.ModuleORC(t.Context(), &m)
	if err != nil || string(o.IP) != "abcdefgh" || string(o.Entries) != "ABCDEFabcdef" || o.IPBase != uint64(ip) || !o.Run {
		t.Errorf("got %+v, %v", o, err)
	}
	m.arch.orcs = 1 << 31
	if _, err := g.ModuleORC(t.Context(), &m); err == nil {
		t.Error("two billion entries were believed")
	}
}

func TestNamesThatDoNotEndAreCut(t *testing.T) {
	names := bytes.Repeat([]byte("n"), 1<<20)
	tab := make([]byte, 2*symSize) // both begin in the same string
	for i := range 2 {
		tab[i*symSize], tab[i*symSize+6] = byte(i), 1
	}
	for _, s := range collectSyms(tab, names, []byte("tt")) {
		if len(s.Name) != maxSymbolName {
			t.Errorf("a name has %d bytes", len(s.Name))
		}
	}
}

// The contract: no panic, and every symbol has a name that is safe to print and
// not much longer than the kernel's can be.
func FuzzModuleSymbols(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x02\x00\x01\x00AAAAAAAABBBBBBBB"), []byte("\x00name\x00"), []byte("t"))
	f.Fuzz(func(t *testing.T, tab, names, kinds []byte) {
		n := min(len(tab)/symSize, len(kinds))
		list := collectSyms(tab[:n*symSize], names, kinds[:n])
		if len(list) > n {
			t.Fatalf("%d symbols of %d", len(list), n)
		}
		for _, s := range list {
			if s.Name == "" || strings.ContainsAny(s.Name, "\x00\x1b\n") || len(s.Name) > 4*maxSymbolName {
				t.Fatalf("name %q", s.Name)
			}
		}
	})
}
