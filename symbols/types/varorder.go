package types

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"slices"

	"ktrap/symbols/elffile"
)

// sortVariables puts the preferred one first; see [Info.Variable].
func sortVariables(vs []Variable) {
	rank := func(v Variable) int {
		switch {
		case v.External:
			return 0
		case v.Func == "":
			return 1
		}
		return 2
	}
	slices.SortStableFunc(vs, func(a, b Variable) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Addr, b.Addr))
	})
}

func isCode(s elffile.Symbol) bool {
	switch s.Type {
	case elf.STT_FUNC, elf.STT_FILE, elf.STT_SECTION:
		return true
	}
	return false
}

// findVar finds the record of a variable and whether it is external.
func (b *btf) findVar(name string) (id uint32, external, ok bool) {
	for id := range b.all(name) {
		if t, _ := b.at(id); t.kind == btfVar {
			return id, binary.LittleEndian.Uint32(t.extra) != 0, true
		}
	}
	return 0, false, false
}

// sectionOf gives the section of a variable and its place there.
func (b *btf) sectionOf(id uint32) (name string, off uint32, ok bool) {
	for n := range b.off {
		t, _ := b.at(b.first + uint32(n))
		if t.kind != btfDatasec {
			continue
		}
		for m := t.extra; len(m) >= 12; m = m[12:] {
			if binary.LittleEndian.Uint32(m) == id {
				return b.str(t.name), binary.LittleEndian.Uint32(m[4:]), true
			}
		}
	}
	return "", 0, false
}
