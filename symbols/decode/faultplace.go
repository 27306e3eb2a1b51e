package decode

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/cause"
	"ktrap/symbols/elffile"
	"ktrap/symbols/oops"
)

// placeOf says where the fault of a crash is, nil if no symbols may be used.
func (c *chooser) placeOf(o *oops.Oops) *cause.Place {
	if c.kernel == nil {
		return nil
	}
	at := &cause.Place{Levels: c.levelsOf}
	if o.RIP.Func == "" {
		return at
	}
	p := placeOfFrame(&o.RIP)
	ans := c.answer(&p)
	if ans == nil || len(ans.spots) != 1 {
		return at
	}
	k, fn := c.kernel, ans.spots[0].fn
	at.PC, at.Linked = fn.Where(), true
	if c.verdict == proven || c.f.Force {
		at.Member, at.Text = k.memberAt(at.PC), k.textAt(at.PC)
	}
	switch {
	case fn.Module != "":
		at.Names = func(code []byte, base addr.Addr) func(addr.Addr) string { return k.namesInModule(&fn, code, base) }
	case k.slid:
		at.PC, at.Linked, at.Name = k.slide.Run(addr.LinkAddr(at.PC)), false, k.namer(k.slide)
	default:
		at.Name = k.namer(0)
	}
	return at
}

// levelsOf gives the levels of a frame where the text and the symbols leave no doubt.
func (c *chooser) levelsOf(f *oops.Frame) []oops.Frame {
	p := placeOfFrame(f)
	ans := c.answer(&p)
	if ans == nil || len(ans.spots) != 1 {
		return nil
	}
	var list []oops.Frame
	for _, l := range ans.spots[0].levels {
		list = append(list, oops.Frame{Func: l.Func, File: l.File, Line: l.Line})
	}
	return list
}

// memberAt names members behind the pointers that registers hold at a place.
func (k *Kernel) memberAt(pc addr.Addr) func(cause.Pointer, int64) string {
	im, at, ok := k.offline.Symbolizer().Home(pc)
	if !ok || im == nil {
		return nil
	}
	return cause.Members(im, at)
}

// textAt gives the instruction that the file has at a place, with what follows. There
// is none where the loader fills something in.
func (k *Kernel) textAt(pc addr.Addr) func() []byte {
	im, at, ok := k.offline.Symbolizer().Home(pc)
	if !ok || im == nil {
		return nil
	}
	return func() (code []byte) {
		_ = elffile.Guard(func() error { // of a damaged file there is none
			code = bytes.Clone(unfilled(im, at))
			return nil
		})
		return code
	}
}

// longestInstruction is what the CPU accepts.
const longestInstruction = 15

// unfilled gives code up to what the loader fills in.
func unfilled(im *symbols.Image, at addr.LinkAddr) []byte {
	s, ok := im.File().SectionAt(uint64(at))
	if !ok || !s.Exec() {
		return nil
	}
	data, err := im.File().Section(s.Name)
	off := uint64(at) - s.Addr
	if err != nil || off >= uint64(len(data)) {
		return nil
	}
	end := min(off+longestInstruction, uint64(len(data)))
	if !im.IsModule() {
		return data[off:end]
	}
	relas, err := im.File().Section(".rela" + s.Name)
	for ; err == nil && len(relas) >= relaSize; relas = relas[relaSize:] {
		if filled := binary.LittleEndian.Uint64(relas); filled >= off && filled < end {
			end = filled
		}
	}
	return data[off:end]
}

// namer names addresses of the kernel proper.
func (k *Kernel) namer(slide addr.Slide) func(addr.Addr) string {
	return func(a addr.Addr) string {
		f, ok := k.offline.Symbolizer().Func(addr.Addr(slide.Link(a)))
		if !ok || f.Module != "" {
			return ""
		}
		return plus(&f)
	}
}

// plus is how the kernel writes an address in a function.
func plus(f *symbols.Func) string {
	if f.Off == 0 {
		return f.Name
	}
	return fmt.Sprintf("%s+%#x", f.Name, f.Off)
}
