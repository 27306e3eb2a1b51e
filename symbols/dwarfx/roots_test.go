package dwarfx

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"testing"
)

// peeked is a source that can be peeked at, and gives at most so many bytes then.
type peeked struct {
	partly
	most, calls int
}

// Partial hides that of the embedded source.
func (*peeked) Partial() {}

func (p *peeked) Peek(name string) func([]byte, uint64) int {
	return func(b []byte, off uint64) int {
		p.calls++
		data := p.sections[name]
		return copy(b[:min(p.most, len(b))], data[min(off, uint64(len(data))):])
	}
}

// rootsWithRanges has a unit with a pair of addresses, one with a list of ranges,
// one with a name longer than what is read at once and one without a root.
func rootsWithRanges() map[string][]byte {
	abbrev := cat(
		1, int(TagCompileUnit), 0, int(AttrLowPC), int(FormAddr), int(AttrHighPC), int(FormData4), 0, 0,
		2, int(TagCompileUnit), 0, int(AttrLowPC), int(FormAddr), int(AttrRanges), int(FormSecOffset), 0, 0,
		3, int(TagCompileUnit), 0, int(AttrName), int(FormString), int(AttrLowPC), int(FormAddr), int(AttrHighPC), int(FormData1), 0, 0,
		0)
	var info []byte
	for _, body := range []string{
		"\x01\x00\x00\x00\x81\xff\xff\xff\xff\x20\x00\x00\x00",
		"\x02\x00\x00\x00\x82\xff\xff\xff\xff\x00\x00\x00\x00",
		"\x03" + string(bytes.Repeat([]byte("x"), 400)) + "\x00\x00\x00\x00\x83\xff\xff\xff\xff\x08",
		"\x09",
	} {
		unit := append(cat("\x05\x00", UnitCompile, 8, "\x00\x00\x00\x00"), body...)
		info = append(binary.LittleEndian.AppendUint32(info, uint32(len(unit))), unit...)
	}
	return map[string][]byte{
		".debug_info": info, ".debug_abbrev": abbrev,
		".debug_rnglists": cat(rleOffsetPair, 0, 4, rleOffsetPair, 8, 12, rleEndOfList),
	}
}

type rootResult struct {
	Header
	Ranges        []Range
	headErr, rErr string
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// readRoots goes through all units.
func readRoots(t *testing.T, src Source) (list []rootResult) {
	t.Helper()
	var sec Sections
	if err := sec.Load(src); err != nil {
		t.Fatal(err)
	}
	roots := sec.Roots()
	for off := uint64(0); off < uint64(len(sec.Info)); {
		h, err := roots.Header(off)
		r := rootResult{Header: h, headErr: text(err)}
		if err == nil {
			r.Ranges, err = roots.Ranges(h)
			r.rErr = text(err)
		}
		if list = append(list, r); h.End <= off {
			break
		}
		off = h.End
	}
	return list
}

func TestRootsThatArePeekedAtAreThoseThatAreThere(t *testing.T) {
	sections := rootsWithRanges()
	for _, cut := range []int{0, 1, 10, 420} { // the section is damaged at its end
		with := map[string][]byte{}
		for name, data := range sections {
			with[name] = data
		}
		info := sections[".debug_info"]
		with[".debug_info"] = info[:len(info)-cut]
		want := readRoots(t, struct{ Source }{&partly{sections: with}})
		if cut == 0 && (len(want) != 4 || len(want[1].Ranges) != 2 || len(want[2].Ranges) != 1 || want[3].rErr == "") {
			t.Fatalf("%+v", want)
		}
		for _, most := range []int{0, 3, 11, 20, 200, 256} {
			src := &peeked{partly: partly{sections: with}, most: most}
			if got := readRoots(t, src); !reflect.DeepEqual(got, want) {
				t.Errorf("cut by %d, %d bytes at once: %+v, want %+v", cut, most, got, want)
			}
			if src.calls == 0 {
				t.Error("nothing was peeked at")
			}
		}
	}
}
