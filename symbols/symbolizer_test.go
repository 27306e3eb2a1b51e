package symbols

import (
	"debug/elf"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/symtest"
)

const slide = addr.Slide(0x19a00000)

// moduleImage has code in three sections, all of which start at 0 in the file.
func moduleImage() symtest.ELF {
	return symtest.ELF{
		Type: elf.ET_REL,
		Sections: []symtest.Section{
			{Name: ".text", Flags: symtest.Exec, Data: make([]byte, 0x80)},
			{Name: ".text.unlikely", Flags: symtest.Exec, Data: make([]byte, 0x30)},
			{Name: ".init.text", Flags: symtest.Exec, Data: make([]byte, 0x30)},
			{Name: ".data", Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Data: make([]byte, 0x10)},
		},
		Symbols: []symtest.Symbol{
			{Name: "mod_write", Section: 1, Value: 0x10, Size: 0x30, Type: elf.STT_FUNC},
			{Name: "mod_read", Section: 1, Value: 0x40, Size: 0x38, Type: elf.STT_FUNC},
			{Name: "mod_write.cold", Section: 2, Value: 0, Size: 0x22, Type: elf.STT_FUNC},
			{Name: "mod_init", Section: 3, Value: 0, Size: 0x20, Type: elf.STT_FUNC},
			{Name: "mod_state", Section: 4, Value: 8, Size: 8, Type: elf.STT_OBJECT},
		},
	}
}

const (
	modBase = addr.Addr(0xffffffffc0400000)
	modData = addr.Addr(0xffffffffc0410000)
	modInit = addr.Addr(0xffffffffc0500000)
)

func loaded(im *Image) *Module {
	return &Module{
		Name: "mod", Image: im, Text: []Range{{modBase, modBase + 0x1000}},
		Sections: map[string]addr.Addr{".text": modBase, ".text.unlikely": modBase + 0x100, ".init.text": modInit, ".data": modData},
	}
}

func snapshot(t *testing.T, mods ...*Module) *Symbolizer {
	t.Helper()
	return NewSymbolizer(imageOf(t, kernelImage()), slide, mods)
}

func TestFuncIsPrintedAsTheKernelPrintsIt(t *testing.T) {
	s := snapshot(t, loaded(imageOf(t, moduleImage())))
	text := slide.Run(textBase)
	tests := []struct {
		at   addr.Addr
		want string
	}{
		{text + 0x10, "first+0x10/0x20"},
		{text + 0x1c, "first+0x1c/0x20"}, // padding counts, as in kallsyms
		{slide.Run(textBase + 0x1000), "data+0x0/0x10"},
		{modBase + 0x18, "mod_write+0x8/0x30 [mod]"},
		{modBase + 0x40, "mod_read+0x0/0xc0 [mod]"},             // up to the next one, in another section
		{modBase + 0x101, "mod_write.cold+0x1/0xf00 [mod]"},     // the last one ends with the text's page
		{modData + 9, "mod_state+0x1/0xffffffffffff0ff8 [mod]"}, // sic: counted to the end of the text
		{textBase, ""}, {modBase, ""}, {modInit + 1, ""}, {0, ""}, // not slid; before the first symbol; freed; user
	}
	for _, tt := range tests {
		f, ok := s.Func(tt.at)
		if got := f.String(); ok != (tt.want != "") || ok && got != tt.want {
			t.Errorf("%v: %s %v, want %s", tt.at, got, ok, tt.want)
		}
	}
}

func TestFindGivesRunTimeAddressesOfEveryOwner(t *testing.T) {
	e := moduleImage()
	e.Symbols[0].Name = "first"
	s := snapshot(t, loaded(imageOf(t, e)))
	list := s.Find("first")
	if len(list) != 2 || list[0].Start != slide.Run(textBase) || list[1].Start != modBase+0x10 || list[1].Module != "mod" {
		t.Errorf("%+v", list)
	}
	if list := s.Find("cpu_number"); len(list) != 1 || list[0].Start != 0x20 {
		t.Errorf("a per-CPU symbol was moved: %+v", list)
	}
	if list := s.Find("nothing"); list != nil {
		t.Errorf("%+v", list)
	}
}

func TestTextIsThatOfTheKernelAndOfLoadedModules(t *testing.T) {
	s := snapshot(t, loaded(imageOf(t, moduleImage())))
	for a, want := range map[addr.Addr]bool{
		slide.Run(textBase): true, slide.Run(textBase + 0xff): true, slide.Run(textBase + 0x100): false,
		textBase: false, modBase + 0x110: true, modBase - 1: false, modInit: false, modData: false, 0x401000: false,
	} {
		if got := s.IsText(a); got != want {
			t.Errorf("%v: %v", a, got)
		}
	}
}

func TestAModuleWithoutFileIsNamedByTheGuestsSymbols(t *testing.T) {
	s := snapshot(t, &Module{
		Name: "ghost", Text: []Range{{modBase, modBase + 0x1000}},
		Syms: []GuestSymbol{{".LC0", modBase + 0x15, KindNoType}, {"b", modBase + 0x20, KindFunc}, {"a", modBase + 0x10, KindFunc}, {"alias", modBase + 0x10, KindFunc}},
	})
	if f, ok := s.Func(modBase + 0x18); !ok || f.String() != "a+0x8/0x10 [ghost]" {
		t.Errorf("%v %v: of two at one address the guest's first is meant", f, ok)
	}
	locs, reason := s.Locate(modBase + 0x18)
	if len(locs) != 1 || locs[0].Func != "a" || locs[0].Module != "ghost" || reason != NoModuleFile {
		t.Errorf("%+v, %v", locs, reason)
	}
}

func TestInitSectionsCountWhileTheGuestStillHasThem(t *testing.T) {
	m := loaded(imageOf(t, moduleImage()))
	m.Text = append(m.Text, Range{modInit, modInit + 0x1000})
	if f, ok := snapshot(t, m).Func(modInit + 4); !ok || f.Name != "mod_init" {
		t.Errorf("%v %v", f, ok)
	}
}

func TestLocateSaysWhyAnAnswerIsNotComplete(t *testing.T) {
	s := snapshot(t, loaded(imageOf(t, moduleImage())))
	tests := []struct {
		at     addr.Addr
		levels int
		reason Reason
	}{
		{slide.Run(textBase + 4), 1, NoDebugInfo},
		{modBase + 0x18, 1, NoDebugInfo},
		{modBase + 4, 0, NoSymbol},
		{modData, 0, NotText},
		{0x401000, 0, NotText},
	}
	for _, tt := range tests {
		locs, reason := s.Locate(tt.at)
		if len(locs) != tt.levels || reason != tt.reason {
			t.Errorf("%v: %+v, %v, want %v", tt.at, locs, reason, tt.reason)
		}
	}
}

func TestHomeAndPlaceAreInverse(t *testing.T) {
	mod := imageOf(t, moduleImage())
	s := snapshot(t, loaded(mod))
	for _, a := range []addr.Addr{slide.Run(textBase + 0x42), modBase + 0x18, modBase + 0x105} {
		im, link, ok := s.Home(a)
		if !ok {
			t.Errorf("%v has no home", a)
			continue
		}
		if back, ok := s.Place(im, link); !ok || back != a {
			t.Errorf("%v: back at %v %v", a, back, ok)
		}
	}
	if _, ok := s.Place(imageOf(t, moduleImage()), 0x10000000); ok {
		t.Error("an image of another snapshot has a place")
	}
}
