package lines

import (
	"encoding/binary"
	"runtime"
	"slices"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
	"ktrap/symbols/index"
)

// uleb appends an unsigned LEB128 number.
func uleb(dst []byte, v uint64) []byte {
	for ; v >= 0x80; v >>= 7 {
		dst = append(dst, byte(v)|0x80)
	}
	return append(dst, byte(v))
}

// unit4 puts a header of DWARF 4 before entries.
func unit4(entries []byte) []byte {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(entries)+7))
	head = binary.LittleEndian.AppendUint16(head, 4)
	head = binary.LittleEndian.AppendUint32(head, 0) // .debug_abbrev
	return append(append(head, 8), entries...)
}

// abbrevs writes .debug_abbrev: per code from 1 tag, children, attributes and forms.
func abbrevs(list ...[]uint64) []byte {
	var out []byte
	for n, a := range list {
		out = uleb(out, uint64(n+1))
		for _, v := range a {
			out = uleb(out, v)
		}
		out = append(out, 0, 0)
	}
	return append(out, 0)
}

func le4(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func le8(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// ranges4 is a list of n ranges of a byte each, two apart, from 0x1000 on.
func ranges4(n int) []byte {
	var out []byte
	for i := range uint64(n) {
		out = append(append(out, le8(0x1000+2*i)...), le8(0x1001+2*i)...)
	}
	return append(out, make([]byte, 16)...)
}

const (
	cu, subprogram, inlined, block = uint64(dwarfx.TagCompileUnit), uint64(dwarfx.TagSubprogram), uint64(dwarfx.TagInlinedSubroutine), uint64(dwarfx.TagLexicalBlock)
	secOffset, strp, ref4, data8   = uint64(dwarfx.FormSecOffset), uint64(dwarfx.FormStrp), uint64(dwarfx.FormRef4), uint64(dwarfx.FormData8)
)

// hostileSections are small files made to take for ever or all memory.
func hostileSections() map[string]sections {
	rootWithCode := []uint64{cu, 1, uint64(dwarfx.AttrLowPC), uint64(dwarfx.FormAddr), uint64(dwarfx.AttrHighPC), data8, uint64(dwarfx.AttrStmtList), secOffset}
	root := slices.Concat([]byte{1}, le8(0x1000), le8(1<<20), le4(0))
	function := []uint64{subprogram, 1, uint64(dwarfx.AttrLowPC), uint64(dwarfx.FormAddr), uint64(dwarfx.AttrHighPC), data8}
	whole := slices.Concat([]byte{2}, le8(0x1000), le8(1<<20))
	list := map[string]sections{}

	// Every call has all the ranges.
	entries := slices.Concat(root, whole)
	for range 2_000 {
		entries = append(append(entries, 3), le4(0)...)
	}
	list["many calls of many ranges"] = sections{
		".debug_info": unit4(append(entries, 0, 0)), ".debug_ranges": ranges4(5_000),
		".debug_abbrev": abbrevs(rootWithCode, function, []uint64{inlined, 0, uint64(dwarfx.AttrRanges), secOffset}),
	}
	// Every function has all the ranges.
	entries = slices.Clone(root)
	for range 2_000 {
		entries = append(append(entries, 2), le4(0)...)
	}
	list["many functions of many ranges"] = sections{
		".debug_info": unit4(append(entries, 0)), ".debug_ranges": ranges4(5_000),
		".debug_abbrev": abbrevs(rootWithCode, []uint64{subprogram, 0, uint64(dwarfx.AttrRanges), secOffset}),
	}
	// Every unit has all the ranges.
	var info []byte
	for range 2_000 {
		info = append(info, unit4(append([]byte{1}, le4(0)...))...)
	}
	list["many units of many ranges"] = sections{
		".debug_info": info, ".debug_ranges": ranges4(5_000),
		".debug_abbrev": abbrevs([]uint64{cu, 0, uint64(dwarfx.AttrRanges), secOffset}),
	}
	// Names without end, each the end of the one before.
	entries = slices.Clone(root)
	for n := range uint32(4_000) {
		entries = append(entries, slices.Concat([]byte{2}, le8(0x1000+uint64(n)), le8(1), le4(n))...)
	}
	list["long names"] = sections{
		".debug_info": unit4(append(entries, 0)), ".debug_str": []byte(strings.Repeat("x", 1<<18) + "\x00"),
		".debug_abbrev": abbrevs(rootWithCode, []uint64{subprogram, 0, uint64(dwarfx.AttrLowPC), uint64(dwarfx.FormAddr),
			uint64(dwarfx.AttrHighPC), data8, uint64(dwarfx.AttrName), strp}),
	}
	return hostileTrees(list, root, rootWithCode)
}

// hostileTrees adds files whose entries hang together in odd ways.
func hostileTrees(list map[string]sections, root []byte, rootWithCode []uint64) map[string]sections {
	first := uint32(11 + len(root))
	// A function that is its own origin, and two that are each other's.
	origin := func(off uint32) []byte { return slices.Concat([]byte{2}, le8(0x1000), le8(64), le4(off)) }
	list["origins in a circle"] = sections{
		".debug_info": unit4(slices.Concat(root, origin(first), origin(first+42), origin(first+21), []byte{0})),
		".debug_abbrev": abbrevs(rootWithCode, []uint64{subprogram, 0, uint64(dwarfx.AttrLowPC), uint64(dwarfx.FormAddr),
			uint64(dwarfx.AttrHighPC), data8, uint64(dwarfx.AttrAbstractOrigin), ref4}),
	}
	// A sibling that is the entry itself, before it, and far away.
	sibling := func(off uint32) []byte { return slices.Concat([]byte{2}, le4(off), le8(0x1000), le8(64), []byte{0}) }
	list["siblings in a circle"] = sections{
		".debug_info": unit4(slices.Concat(root, sibling(first), sibling(11), sibling(1<<31), []byte{0})),
		".debug_abbrev": abbrevs(rootWithCode, []uint64{subprogram, 1, uint64(dwarfx.AttrSibling), ref4,
			uint64(dwarfx.AttrLowPC), uint64(dwarfx.FormAddr), uint64(dwarfx.AttrHighPC), data8}),
	}
	// Blocks in blocks, without end.
	list["deep blocks"] = sections{
		".debug_info": unit4(slices.Concat(root, []byte{2}, le8(0x1000), le8(1<<20), slices.Repeat([]byte{3}, 1<<17))),
		".debug_abbrev": abbrevs(rootWithCode, []uint64{subprogram, 1, uint64(dwarfx.AttrLowPC), uint64(dwarfx.FormAddr),
			uint64(dwarfx.AttrHighPC), data8}, []uint64{block, 1}),
	}
	for _, s := range list {
		s[".debug_line"] = program()
	}
	return list
}

// maxMemory is what all questions about a file of some 100 KB may allocate.
const maxMemory = 192 << 20

func TestSmallFilesDoNotTakeAllMemory(t *testing.T) {
	for name, s := range hostileSections() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			i := New(s, nil)
			for pc := addr.LinkAddr(0x1000); pc < 0x1200; pc += 64 {
				_, err := i.Lookup(pc)
				checkNoPanic(t, err)
				_, _, err = i.RowAt(pc)
				checkNoPanic(t, err)
			}
			_, err := i.Addresses("a.c", 1, func(Place) bool { return true })
			checkNoPanic(t, err)
			_, err = i.build(t.Context(), index.Identity{})
			checkNoPanic(t, err)
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > maxMemory {
				t.Errorf("%d MB were allocated", got>>20)
			}
			t.Logf("%d MB; index: %v", (after.TotalAlloc-before.TotalAlloc)>>20, err)
		})
	}
}

// TestAnIndexIsRefusedWhenChildrenHaveNoEnd has a call that lookup passes over by
// its sibling and that a walk through all children does not come back from.
func TestAnIndexIsRefusedWhenChildrenHaveNoEnd(t *testing.T) {
	code := []uint64{uint64(dwarfx.AttrLowPC), uint64(dwarfx.FormAddr), uint64(dwarfx.AttrHighPC), data8}
	root := slices.Concat([]byte{1}, le8(0x1000), le8(64))
	first := uint32(11 + len(root))
	call := slices.Concat([]byte{3}, le4(first+17+21), le8(0x1000), le8(8))
	other := slices.Concat([]byte{3}, le4(0), le8(0x1010), le8(8))
	i := New(sections{
		".debug_info": unit4(slices.Concat(root, []byte{2}, le8(0x1000), le8(64), call, other)),
		".debug_abbrev": abbrevs(slices.Concat([]uint64{cu, 1}, code), slices.Concat([]uint64{subprogram, 1}, code),
			slices.Concat([]uint64{inlined, 1, uint64(dwarfx.AttrSibling), ref4}, code)),
	}, nil)
	if frames, _ := i.Lookup(0x1012); len(frames) != 2 {
		t.Errorf("lookup gives %+v", frames)
	}
	if _, err := i.build(t.Context(), index.Identity{}); err == nil {
		t.Error("an index was made")
	}
}
