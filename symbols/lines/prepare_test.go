package lines

import (
	"slices"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
	"ktrap/symbols/index"
)

func TestAnIndexIsBuiltWhenManyAddressesComeTwice(t *testing.T) {
	f, text := tiny(t)
	folder := &index.Folder{Dir: t.TempDir(), Max: 1 << 20}
	want := answers(t, New(f, nil), text)
	many := slices.Repeat([]addr.LinkAddr{addr.LinkAddr(text[0].Low)}, waitFrom)
	for _, tt := range []struct {
		when    string
		pcs     []addr.LinkAddr
		indexed bool
	}{
		{"few", many[:loadFrom], false},
		{"many, the first time", many, false},
		{"few, after many", many[:loadFrom], false},
		{"many, the second time", many, true},
		{"few, once there is an index", many[:loadFrom], true},
	} {
		i := New(f, folder)
		i.Prepare(tt.pcs)
		if got := i.index.Load() != nil; got != tt.indexed {
			t.Errorf("%s: index %v, want %v", tt.when, got, tt.indexed)
		}
		if i.asked.Load() != 0 {
			t.Errorf("%s: preparing counts as asking", tt.when)
		}
		if !same(answers(t, i, text), want) {
			t.Errorf("%s: other answers", tt.when)
		}
		if err := i.Close(); err != nil { // waits until it is kept
			t.Error(err)
		}
	}
}

func TestPreparedAnswersAreThoseOfALookup(t *testing.T) {
	f, text := tiny(t)
	want := answers(t, New(f, nil), text)
	var pcs []addr.LinkAddr
	for _, r := range text {
		for pc := r.Low; pc < r.High; pc++ {
			pcs = append(pcs, addr.LinkAddr(pc))
		}
	}
	i := New(f, nil)
	i.Prepare(pcs)
	if ahead := i.ahead.Load(); ahead == nil || len(*ahead) == 0 {
		t.Fatal("nothing was prepared")
	}
	if len(i.units) != 0 {
		t.Errorf("%d units were kept", len(i.units))
	}
	if !same(answers(t, i, text), want) {
		t.Error("other answers")
	}
	first, err := i.Lookup(pcs[0])
	if err != nil || len(first) == 0 {
		t.Fatalf("%v, %v", first, err)
	}
	first[0].Func = "spoilt"
	if again, _ := i.Lookup(pcs[0]); again[0].Func == "spoilt" {
		t.Error("the answer is shared")
	}
}

// nowhere is a file without sections.
type nowhere struct{}

func (nowhere) Section(string) ([]byte, error) { return nil, elffile.ErrNoSection }
func (nowhere) Sections() []elffile.Section    { return nil }
func (nowhere) BuildID() string                { return "" }

func TestDamagedUnitsArePreparedWithoutAWord(t *testing.T) {
	i := New(nowhere{}, nil)
	i.Prepare(make([]addr.LinkAddr, waitFrom))
	if _, err := i.Lookup(1); err == nil {
		t.Error("what is missing was not said")
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
}
