package lines

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
	"ktrap/symbols/elffile"
	"ktrap/symbols/index"
)

// named gives a file a build-id, which testdata/tiny.elf has none of.
type named struct{ *elffile.File }

func (named) BuildID() string { return "c0ffee" }

// tiny opens testdata/tiny.elf, which has few units, and gives its code.
func tiny(tb testing.TB) (named, []dwarfx.Range) {
	tb.Helper()
	f, err := elffile.Open("testdata/tiny.elf")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	var text []dwarfx.Range
	for _, s := range f.Sections() {
		if s.Exec() {
			text = append(text, dwarfx.Range{Low: s.Addr, High: s.Addr + s.Size})
		}
	}
	return named{f}, text
}

// answers asks for every address of the ranges.
func answers(tb testing.TB, i *Info, text []dwarfx.Range) (list [][]Frame) {
	tb.Helper()
	for _, r := range text {
		for pc := r.Low; pc < r.High; pc++ {
			frames, err := i.Lookup(addr.LinkAddr(pc))
			if err != nil {
				tb.Fatal(err)
			}
			list = append(list, frames)
		}
	}
	return list
}

func same(a, b [][]Frame) bool {
	return slices.EqualFunc(a, b, func(a, b []Frame) bool { return slices.Equal(a, b) })
}

func TestManyAddressesHaveTheAnswersOfOne(t *testing.T) {
	f, text := tiny(t)
	folder := &index.Folder{Dir: t.TempDir(), Max: 1 << 20}
	want := answers(t, New(f, nil), text)
	for _, how := range []string{"built", "kept"} {
		i := New(f, folder)
		i.Expect(waitFrom)
		if i.index.Load() == nil {
			t.Fatalf("%s: no index", how)
		}
		if !same(answers(t, i, text), want) {
			t.Errorf("%s: other answers", how)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if n, _ := folder.Usage(); n != 1 {
			t.Fatalf("%s: %d files", how, n)
		}
	}
}

// copied gives an Info of a copy of testdata/tiny.elf with a time of its own; of
// its bytes, the one in the middle is changed by damage.
func copied(t *testing.T, folder *index.Folder, modified time.Time, damage byte) *Info {
	t.Helper()
	data, err := os.ReadFile("testdata/tiny.elf")
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= damage
	path := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, modified, modified); err != nil {
		t.Fatal(err)
	}
	f, err := elffile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return New(named{f}, folder)
}

func TestAKeptIndexIsNotUsedForAFileThatWasChanged(t *testing.T) {
	folder := &index.Folder{Dir: t.TempDir(), Max: 1 << 20}
	then := time.Unix(1_700_000_000, 5)
	first := copied(t, folder, then, 0)
	first.Expect(waitFrom)
	if first.index.Load() == nil {
		t.Fatal("no index was built")
	}
	if err := first.Close(); err != nil { // the index is kept then
		t.Error(err)
	}
	for _, c := range []struct {
		what     string
		modified time.Time
		damage   byte
		used     bool
	}{{"copied with its time", then, 0, true}, {"changed since", then.Add(1), 1, false}} {
		i := copied(t, folder, c.modified, c.damage)
		if i.loadIndex(); (i.index.Load() != nil) != c.used {
			t.Errorf("%s: used %v", c.what, !c.used)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFewAddressesUseAKeptIndexAndBuildNone(t *testing.T) {
	f, _ := tiny(t)
	folder := &index.Folder{Dir: t.TempDir(), Max: 1 << 20}
	first := New(f, folder)
	first.Expect(loadFrom)
	if first.index.Load() != nil {
		t.Error("an index was built for few addresses")
	}
	first.Expect(waitFrom)
	second := New(f, folder)
	if err := first.Close(); err != nil { // waits until it is kept
		t.Fatal(err)
	}
	second.Expect(loadFrom)
	if second.index.Load() == nil {
		t.Error("the index that was kept is not used")
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func TestADamagedKeptIndexIsBuiltAgain(t *testing.T) {
	f, text := tiny(t)
	folder := &index.Folder{Dir: t.TempDir(), Max: 1 << 20}
	want := answers(t, New(f, nil), text)
	use := func() {
		t.Helper()
		i := New(f, folder)
		i.Expect(waitFrom)
		if i.index.Load() == nil || !same(answers(t, i, text), want) {
			t.Error("no index, or other answers")
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}
	use()
	list, err := filepath.Glob(filepath.Join(folder.Dir, "*"))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	sound, err := os.ReadFile(list[0])
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(sound); at += 1 + len(sound)/40 {
		damaged := slices.Clone(sound)
		damaged[at] ^= 0x10
		if err := os.WriteFile(list[0], damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		use()
		if now, err := os.ReadFile(list[0]); err != nil || len(now) != len(sound) {
			t.Fatalf("byte %d: not kept again: %v", at, err)
		}
	}
}

func TestAKeptIndexCutShortWhileInUseCostsNoAnswer(t *testing.T) {
	f, text := tiny(t)
	folder := &index.Folder{Dir: t.TempDir(), Max: 1 << 20}
	want := answers(t, New(f, nil), text)
	i := New(f, folder)
	i.Expect(waitFrom)
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	i = New(f, folder)
	i.Expect(loadFrom)
	list, err := filepath.Glob(filepath.Join(folder.Dir, "*"))
	if err != nil || len(list) != 1 || i.index.Load() == nil {
		t.Fatal(list, err)
	}
	if err := os.Truncate(list[0], 0); err != nil {
		t.Fatal(err)
	}
	if !same(answers(t, i, text), want) {
		t.Error("other answers")
	}
	if i.index.Load() != nil {
		t.Error("the index is still used")
	}
}

func TestClosingEndsABuildThatGoesOn(t *testing.T) {
	f, _ := tiny(t)
	i := New(f, nil)
	i.startIndex()
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	<-i.whole.ready
}

func TestDamagedDebugInformationHasNoIndexButAnswers(t *testing.T) {
	f, text := tiny(t)
	s := sections{}
	for _, sec := range f.Sections() {
		if data, err := f.Section(sec.Name); err == nil {
			s[sec.Name] = data
		}
	}
	// A second unit that is cut off.
	s[".debug_info"] = append(slices.Clone(s[".debug_info"]), 0xff, 0, 0, 0, 5, 0)
	i := New(s, nil)
	i.Expect(waitFrom)
	if i.index.Load() != nil {
		t.Error("an index of damaged debug information")
	}
	found := 0
	for _, r := range text {
		for pc := r.Low; pc < r.High; pc++ {
			if frames, _ := i.Lookup(addr.LinkAddr(pc)); len(frames) > 0 {
				found++
			}
		}
	}
	if found == 0 {
		t.Error("nothing was found in the sound unit")
	}
}
