package cause

import (
	"debug/dwarf"
	"encoding/binary"
	"fmt"
	"slices"

	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/types"
)

// Members makes what names members for the code at a place of a file.
func Members(im *symbols.Image, at addr.LinkAddr) func(Pointer, int64) string {
	return func(p Pointer, offset int64) string {
		from := at - addr.LinkAddr(p.Back)
		if p.Back > 0 && entered(im, from, at) {
			return ""
		}
		return Member(im.Types(), from, p.Register, append(slices.Clone(p.Via), offset)...)
	}
}

// Member names the member so many bytes behind the pointer that a register holds
// at a pc: v->link.next. Of several offsets all but the last lead to the next
// pointer: v->peer->id. It is empty where debug information does not make that
// certain: no variable of the function has that register as its whole value there,
// or a union has several members at the offset.
func Member(info *types.Info, pc addr.LinkAddr, register string, offsets ...int64) string {
	reg, ok := cfi.RegByName(register)
	if !ok {
		return ""
	}
	scopes, err := info.Scopes(pc)
	if err != nil {
		return ""
	}
	for _, s := range scopes {
		for i := range s.Vars {
			v := &s.Vars[i]
			if _, ok := types.Strip(v.Type).(*dwarf.PtrType); !ok || !livesIn(v, reg) {
				continue
			}
			if name := follow(info, v, offsets); name != "" {
				return name
			}
		}
	}
	return ""
}

// follow names what the offsets lead to from a variable.
func follow(info *types.Info, v *types.Local, offsets []int64) string {
	name, t := v.Name, v.Type
	for _, offset := range offsets {
		p, ok := types.Strip(t).(*dwarf.PtrType)
		if !ok || offset < 0 {
			return ""
		}
		path, member, ok := pathAt(info, p.Type, offset)
		if !ok {
			return ""
		}
		name, t = name+"->"+path, member
	}
	return name
}

// livesIn reports whether a register is the whole value of a variable: it changes
// as the register does, and needs nothing else.
func livesIn(v *types.Local, reg cfi.Reg) bool {
	for _, sample := range []uint64{0x5a17_0123_89ab_cdef, 0x0000_1111_2222_3333} {
		var regs cfi.Regs
		regs.Set(reg, sample)
		at, err := v.Locate(&types.Frame{Regs: &regs})
		if err != nil || at.InMemory || len(at.Lost) > 0 || len(at.Bytes) != 8 || binary.LittleEndian.Uint64(at.Bytes) != sample {
			return false
		}
	}
	return true
}

// maxDepth bounds structures inside of structures.
const maxDepth = 32

// pathAt names what begins at an offset in a structure, and gives its type.
func pathAt(info *types.Info, t dwarf.Type, offset int64) (path string, member dwarf.Type, ok bool) {
	for range maxDepth {
		if full, err := info.Complete(types.Strip(t)); err == nil {
			t = types.Strip(full)
		}
		switch at := t.(type) {
		case *dwarf.StructType:
			f, ok := fieldAt(at, offset)
			if !ok {
				return "", nil, false
			}
			if f.Name != "" && path != "" {
				path += "."
			}
			path += f.Name
			t, offset = f.Type, offset-f.Off
		case *dwarf.ArrayType:
			size, ok := types.SizeOf(at.Type)
			if !ok || size == 0 || path == "" {
				return "", nil, false
			}
			path += fmt.Sprintf("[%d]", offset/size)
			t, offset = at.Type, offset%size
		default:
			return path, t, offset == 0 && path != ""
		}
	}
	return "", nil, false
}

// fieldAt is the only member that covers an offset. Bit fields share their bytes,
// and members of a union all of them.
func fieldAt(st *dwarf.StructType, offset int64) (found types.Field, ok bool) {
	for _, member := range st.Field {
		f := types.FieldOf(member)
		if offset < f.Off || offset >= f.Off+f.Size {
			continue
		}
		if ok || f.BitSize > 0 {
			return types.Field{}, false
		}
		found, ok = f, true
	}
	return found, ok
}
