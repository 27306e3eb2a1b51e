package types

import (
	"encoding/binary"

	"ktrap/symbols/dwarfx"
)

// Entry kinds of .debug_loclists.
// Source: DWARF 5, section 7.7.3; view pairs are a GNU extension.
const (
	lleEndOfList       = 0x00
	lleBaseAddressx    = 0x01
	lleStartxEndx      = 0x02
	lleStartxLength    = 0x03
	lleOffsetPair      = 0x04
	lleDefaultLocation = 0x05
	lleBaseAddress     = 0x06
	lleStartEnd        = 0x07
	lleStartLength     = 0x08
	lleViewPair        = 0x09
)

// locationAt gives the expression an attribute has for a pc: the attribute is
// one itself or refers to a list of them. false means no location there.
func (d *dwarfData) locationAt(u *dwarfx.Unit, a dieAttr, pc uint64) ([]byte, bool) {
	switch {
	case a.block != nil:
		return a.block, true
	case a.val.Form == dwarfx.FormLoclistx:
		off, ok := d.loclistOffset(u, a.val.U)
		if !ok {
			return nil, false
		}
		return d.loclists.search(off, func(b *dwarfx.Buf) ([]byte, bool) { return loclist(u, b, pc) })
	case a.val.Form != dwarfx.FormSecOffset && a.val.Form != dwarfx.FormData4 && a.val.Form != dwarfx.FormData8:
		return nil, false
	case u.Version >= 5:
		return d.loclists.search(a.val.U, func(b *dwarfx.Buf) ([]byte, bool) { return loclist(u, b, pc) })
	}
	return d.loc.search(a.val.U, func(b *dwarfx.Buf) ([]byte, bool) { return loclist4(u, b, pc) })
}

// loclistOffset looks an index up in the table the unit's root refers to.
func (d *dwarfData) loclistOffset(u *dwarfx.Unit, index uint64) (uint64, bool) {
	root, ok := d.die(u.First)
	base, has := root.get(attrLoclistsBase)
	if !ok || !has || index > maxLoclists {
		return 0, false
	}
	size := uint64(4)
	if u.DWARF64 {
		size = 8
	}
	at := base.val.U + index*size
	b := dwarfx.NewBuf(".debug_loclists", d.loclists.window(at, at+size), at)
	off := base.val.U + b.Offset(u.DWARF64)
	return off, b.Err() == nil
}

// loclist searches a list of .debug_loclists (DWARF 5).
func loclist(u *dwarfx.Unit, b *dwarfx.Buf, pc uint64) ([]byte, bool) {
	base := u.LowPC
	var fallback []byte
	for b.Len() > 0 {
		var low, high uint64
		switch kind := b.U8(); kind {
		case lleEndOfList:
			return fallback, fallback != nil
		case lleBaseAddressx:
			base = indexedAddress(u, b)
			continue
		case lleBaseAddress:
			base = b.U64()
			continue
		case lleViewPair:
			b.Uleb()
			b.Uleb()
			continue
		case lleDefaultLocation:
			fallback = b.Bytes(b.Uleb())
			continue
		case lleStartxEndx:
			low, high = indexedAddress(u, b), indexedAddress(u, b)
		case lleStartxLength:
			low = indexedAddress(u, b)
			high = low + b.Uleb()
		case lleOffsetPair:
			low = base + b.Uleb()
			high = base + b.Uleb()
		case lleStartEnd:
			low, high = b.U64(), b.U64()
		case lleStartLength:
			low = b.U64()
			high = low + b.Uleb()
		default:
			return nil, false
		}
		expr := b.Bytes(b.Uleb())
		if b.Err() == nil && low <= pc && pc < high {
			return expr, true
		}
	}
	return nil, false
}

func indexedAddress(u *dwarfx.Unit, b *dwarfx.Buf) uint64 {
	a, _ := u.Address(dwarfx.Value{Form: dwarfx.FormAddrx, U: b.Uleb()})
	return a
}

// loclist4 searches a list of .debug_loc (DWARF 2 to 4): pairs of addresses
// relative to a base, each with an expression; a pair of -1 and an address is
// a new base, a pair of zeros ends the list.
func loclist4(u *dwarfx.Unit, b *dwarfx.Buf, pc uint64) ([]byte, bool) {
	base := u.LowPC
	for b.Len() > 0 {
		low, high := b.U64(), b.U64()
		switch {
		case low == 0 && high == 0:
			return nil, false
		case low == ^uint64(0):
			base = high
			continue
		}
		expr := b.Bytes(uint64(b.U16()))
		if b.Err() == nil && base+low <= pc && pc < base+high {
			return expr, true
		}
	}
	return nil, false
}

// constantBytes gives the memory image of DW_AT_const_value.
func constantBytes(a dieAttr) []byte {
	if a.block != nil {
		return a.block
	}
	if a.val.Form == dwarfx.FormString || a.val.Form == dwarfx.FormStrp {
		return nil
	}
	return binary.LittleEndian.AppendUint64(nil, a.val.U)
}
