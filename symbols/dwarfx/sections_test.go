package dwarfx

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"ktrap/symbols/elffile"
)

// partly is a source whose sections are not there until they are needed.
type partly struct {
	sections map[string][]byte
	info     []byte
}

func (p *partly) Section(name string) ([]byte, error) {
	if data, ok := p.sections[name]; ok {
		return data, nil
	}
	return nil, elffile.ErrNoSection
}

var errNeed = errors.New("cannot be relocated")

func (p *partly) Partial(name string) ([]byte, func(low, high uint64) error, error) {
	whole, err := p.Section(name)
	part := make([]byte, len(whole))
	if name == ".debug_info" {
		p.info = part
	}
	return part, func(low, high uint64) error {
		if high = min(high, uint64(len(whole))); low > high {
			return errNeed
		}
		copy(part[low:high], whole[low:high])
		return nil
	}, err
}

// twoUnits is tiny twice, at 0 and at the offset it gives.
func twoUnits() (src *partly, second uint64) {
	sec := tiny()
	return &partly{sections: map[string][]byte{
		".debug_info": slices.Concat(sec.Info, sec.Info), ".debug_abbrev": sec.Abbrev,
		".debug_str": sec.Str, ".debug_str_offsets": sec.StrOffsets,
	}}, uint64(len(sec.Info))
}

func TestOfAUnitThatIsNotOpenedOnlyHeaderAndRootAreNeeded(t *testing.T) {
	src, second := twoUnits()
	var sec Sections
	if err := sec.Load(src); err != nil {
		t.Fatal(err)
	}
	h, err := sec.Header(second)
	if err != nil {
		t.Fatal(err)
	}
	root, err := OpenRoot(&sec, h)
	if err != nil || root.Name != "tiny.c" {
		t.Fatalf("%+v, %v", root, err)
	}
	if !bytes.Equal(src.info[:second], make([]byte, second)) || src.info[h.End-1-second] != 0 {
		t.Error("the first unit was made ready too")
	}
	u, err := OpenUnit(&sec, h)
	if err != nil || u.Name != "tiny.c" {
		t.Fatalf("%+v, %v", u, err)
	}
	if whole := src.sections[".debug_info"]; !bytes.Equal(src.info[second:], whole[second:]) {
		t.Error("the unit is not ready")
	}
}

func TestWhatCannotBeRelocatedIsAnErrorOfTheUnit(t *testing.T) {
	src, _ := twoUnits()
	var sec Sections
	if err := sec.Load(src); err != nil {
		t.Fatal(err)
	}
	h, err := sec.Header(0)
	if err != nil {
		t.Fatal(err)
	}
	sec.needInfo = func(uint64, uint64) error { return errNeed }
	if u, err := OpenUnit(&sec, h); u != nil || !errors.Is(err, errNeed) {
		t.Errorf("unit: %v, %v", u, err)
	}
	if u, err := OpenRoot(&sec, h); u != nil || !errors.Is(err, errNeed) {
		t.Errorf("root: %v, %v", u, err)
	}
	if h, err := sec.Header(0); h != (Header{}) || !errors.Is(err, errNeed) {
		t.Errorf("header: %v, %v", h, err)
	}
}

func TestDebugInformationWithoutEntriesIsAnError(t *testing.T) {
	for _, name := range []string{".debug_info", ".debug_abbrev"} {
		src, _ := twoUnits()
		delete(src.sections, name)
		err := new(Sections).Load(struct{ Source }{src}) // without parts
		if !errors.Is(err, elffile.ErrNoSection) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
