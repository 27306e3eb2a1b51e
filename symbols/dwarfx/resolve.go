package dwarfx

import "bytes"

// String resolves a string value; "" when absent or damaged.
func (u *Unit) String(v Value) string { return string(u.Text(v)) }

// Text resolves a string value without copying it.
func (u *Unit) Text(v Value) []byte {
	switch v.Form {
	case FormString:
		return v.Raw[:min(len(v.Raw), maxText)]
	case FormStrp:
		return textAt(u.Sec.Str, v.U)
	case FormLineStrp:
		return textAt(u.Sec.LineStr, v.U)
	case FormStrx, FormStrx1, FormStrx2, FormStrx3, FormStrx4:
		size := uint64(u.offsetSize())
		at := u.strOffBase + v.U*size
		if need := u.Sec.needStrOffsets; need != nil && need(at, at+size) != nil {
			return nil
		}
		b := NewBuf(".debug_str_offsets", u.Sec.StrOffsets, at)
		off := b.Offset(u.DWARF64)
		if b.Err() != nil {
			return nil
		}
		return textAt(u.Sec.Str, off)
	}
	return nil
}

// maxText bounds a string: the kernel's names have 512 bytes at most, its paths
// 4096. In a damaged section many strings may have the same far end.
const maxText = 4096

// textAt gives the string at an offset; nil when it has no end.
func textAt(section []byte, off uint64) []byte {
	if off >= uint64(len(section)) {
		return nil
	}
	text := section[off:]
	text = text[:min(len(text), maxText)]
	end := bytes.IndexByte(text, 0)
	if end < 0 {
		return nil
	}
	return text[:end]
}

// Address resolves an address value; false when it is none.
func (u *Unit) Address(v Value) (uint64, bool) {
	switch v.Form {
	case FormAddr:
		return v.U, true
	case FormAddrx, FormAddrx1, FormAddrx2, FormAddrx3, FormAddrx4:
		b := NewBuf(".debug_addr", u.Sec.Addr, u.addrBase+v.U*uint64(u.AddrSize))
		a := b.Uint(int(u.AddrSize))
		return a, b.Err() == nil
	}
	return 0, false
}

// Ref resolves a reference to another entry.
// Units: an offset into .debug_info.
func (u *Unit) Ref(v Value) (uint64, bool) {
	switch v.Form {
	case FormRef1, FormRef2, FormRef4, FormRef8, FormRefUdata:
		return u.Off + v.U, v.U < u.End-u.Off
	case FormRefAddr:
		return v.U, v.U < uint64(len(u.Sec.Info))
	}
	return 0, false
}
