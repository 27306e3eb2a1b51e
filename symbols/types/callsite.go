package types

import (
	"debug/elf"
	"fmt"
	"slices"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
)

// function is the code an expression belongs to, with what it refers to.
type function struct {
	info      *Info
	unit      *dwarfx.Unit
	name      string
	entry     addr.LinkAddr
	frameBase []byte
	off       uint64 // of its entry in .debug_info
}

// Caller is the frame that called another one.
type Caller struct {
	Info   *Info // of the image the caller lies in
	Frame  *Frame
	Return addr.LinkAddr // the return address
}

// callSite is a call as the caller's debug info describes it.
type callSite struct {
	fn     *function // the caller
	target string    // name of the function called; empty for an indirect call
	known  bool      // whether at is where the target begins
	at     addr.LinkAddr
	expr   []byte // where an indirect call goes, evaluated in the caller
	params []callParam
}

// callParam is what the caller passed: in a register, or to a parameter that was
// optimized away, as all callers pass the same.
type callParam struct {
	reg   uint64
	param uint64 // offset of the parameter's entry in .debug_info; 0: it is in a register
	value []byte
}

// Bounds on what is looked at of one call.
const (
	maxCallParams = 64
	maxCallSites  = 1 << 14
)

// entryValue pushes what a register held when the function was called: the
// debug info of the caller may say how to get it from what is still there.
func (e *expression) entryValue(block []byte) error {
	b := dwarfx.NewBuf("entry value", block, 0)
	op := b.U8()
	reg := uint64(op - dwarfx.OpReg0)
	if op == dwarfx.OpRegx {
		reg = b.Uleb()
	} else if op < dwarfx.OpReg0 || op > dwarfx.OpReg31 {
		return optimizedOut("it needs memory as it was at the function's entry")
	}
	if b.Err() != nil || b.Len() > 0 {
		return errExpression
	}
	u, err := e.passed(func(p callParam) bool { return p.param == 0 && p.reg == reg })
	if err != nil {
		return fmt.Errorf("value of register %d at entry of %s: %w", reg, clean(e.fn.name), err)
	}
	e.push(u)
	return nil
}

// parameterRef pushes what was passed for a parameter that was optimized away.
// Source: gcc, DW_OP_GNU_parameter_ref: the offset of its entry in the unit.
func (e *expression) parameterRef(off uint64) error {
	u, err := e.passed(func(p callParam) bool { return p.param == e.fn.unit.Off+off })
	if err != nil {
		return fmt.Errorf("value passed to %s: %w", clean(e.fn.name), err)
	}
	e.push(u)
	return nil
}

// passed evaluates a parameter of the call of the function, in the caller.
func (e *expression) passed(is func(callParam) bool) (uint64, error) {
	if e.f.Caller == nil {
		return 0, optimizedOut("the caller is not known")
	}
	c, err := e.f.Caller()
	if err != nil || c == nil {
		return 0, optimizedOut("the caller is not known")
	}
	if e.fn.jumpsToItself() {
		return 0, optimizedOut("the function may have jumped to itself")
	}
	site, err := c.Info.callSite(c.Return)
	if err != nil {
		return 0, err
	}
	l, err := e.deeper(site.fn, c.Frame)
	if err != nil {
		return 0, err
	}
	same, err := e.called(site, c, l)
	if err == nil && !same {
		site, l, err = e.overJump(site, c)
	}
	if err != nil {
		return 0, err
	}
	n := slices.IndexFunc(site.params, is)
	if n < 0 {
		return 0, optimizedOut("%s does not say what it passed", clean(site.fn.name))
	}
	return l.number(site.params[n].value)
}

// called reports whether a call went to the function at hand. If not, the
// function called has left by a jump, with other arguments.
func (e *expression) called(site *callSite, c *Caller, l *locator) (bool, error) {
	switch {
	case site.known && c.Info == e.fn.info:
		return site.at == e.fn.entry, nil
	case site.target != "":
		return site.target == e.fn.name || c.Info == e.fn.info && c.Info.hasSymbol(site.target, e.fn.entry), nil
	case len(site.expr) == 0:
		return false, optimizedOut("whom %s called is not known", clean(site.fn.name))
	}
	at, err := l.number(site.expr)
	if err != nil {
		return false, optimizedOut("where %s called is not known", clean(site.fn.name))
	}
	entry := uint64(e.fn.entry)
	if e.f.Run != nil {
		entry = uint64(e.f.Run(e.fn.entry))
	}
	return at == entry, nil
}

// overJump goes on from a call of another function, if that can only have come
// here by one jump: it gives the jump, and runs its expressions as if its frame
// were still there, which shares all but the arguments with the caller's.
func (e *expression) overJump(site *callSite, c *Caller) (*callSite, *locator, error) {
	refused := optimizedOut("%s called another function, which jumped here", clean(site.fn.name))
	if c.Info != e.fn.info {
		return nil, nil, refused
	}
	jump, ok := c.Info.onlyJump(site, e.fn)
	if !ok {
		return nil, nil, refused
	}
	f := *e.f
	f.Regs = c.Frame.Regs
	l, err := e.deeper(jump.fn, &f)
	return jump, l, err
}

// hasSymbol reports whether a function's symbol stands at an address.
func (i *Info) hasSymbol(name string, at addr.LinkAddr) bool {
	for _, typ := range []elf.SymType{elf.STT_FUNC, elf.STT_NOTYPE} {
		for a := range i.symbolsNamed(name, typ) {
			if addr.LinkAddr(a) == at {
				return true
			}
		}
	}
	return false
}

// callSite finds the call that returns to an address.
func (i *Info) callSite(ret addr.LinkAddr) (*callSite, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	d, err := i.loadDWARF()
	if err != nil {
		return nil, optimizedOut("the caller has no debug info")
	}
	sub, w, ok := i.subprogramAt(d, uint64(ret)-1)
	if !ok {
		return nil, optimizedOut("the caller has no debug info")
	}
	site, ok := d.siteIn(sub, uint64(ret))
	if !ok {
		return nil, optimizedOut("%s does not describe the call", clean(d.nameOf(sub)))
	}
	site.fn = w.function(sub)
	return site, nil
}

// subprogramAt finds the function whose code holds a pc. Called with mu held.
func (i *Info) subprogramAt(d *dwarfData, pc uint64) (sub die, w *scopeWalk, ok bool) {
	u, ok := d.unitAtPC(pc)
	if !ok {
		return die{}, nil, false
	}
	root, ok := d.die(u.First)
	if !ok {
		return die{}, nil, false
	}
	w = &scopeWalk{d: d, info: i, unit: u, pc: pc}
	found := false
	root.eachChild(func(e die) bool {
		if e.tag == tagSubprogram && w.covers(e) {
			sub, found = e, true
		}
		return !found
	})
	return sub, w, found
}

// siteIn searches a function, with all that was inlined into it, for the call
// that returns to an address.
func (d *dwarfData) siteIn(sub die, ret uint64) (*callSite, bool) {
	b := sub.kids
	left := maxCallSites
	for depth := 1; sub.children && depth > 0 && b.Len() > 0; {
		start := uint64(b.Off())
		a := sub.unit.Next(&b)
		if a == nil {
			depth--
			continue
		}
		if a.Tag == tagCallSite || a.Tag == tagGNUCallSite {
			if left--; left < 0 {
				return nil, false
			}
			at := sub.unit.Buf(start)
			if e, ok := readDIE(sub.unit, &at); ok && returnsTo(e) == ret {
				return d.site(e), true
			}
		}
		sub.unit.SkipAttrs(&b, a)
		if a.Children {
			depth++
		}
	}
	return nil, false
}

// returnsTo gives the return address of a call; 0 if it does not return.
func returnsTo(e die) uint64 {
	attr := attrCallReturnPC
	if e.tag == tagGNUCallSite {
		attr = dwarfx.AttrLowPC
	}
	a, ok := e.get(attr)
	if !ok || e.has(attrCallTailCall) || e.has(attrGNUTailCall) {
		return 0
	}
	pc, _ := e.unit.Address(a.val)
	return pc
}

// site decodes a call with its parameters.
func (d *dwarfData) site(e die) *callSite {
	s := new(callSite)
	for _, attr := range []dwarfx.Attr{attrCallOrigin, dwarfx.AttrAbstractOrigin} {
		off, ok := e.ref(attr)
		if !ok {
			continue
		}
		if origin, ok := d.die(off); ok {
			s.target = d.nameOf(origin)
			s.at, s.known = d.entryPC(origin)
		}
	}
	for _, attr := range []dwarfx.Attr{attrCallTarget, attrGNUCallTarget} {
		if a, ok := e.get(attr); ok {
			s.expr = a.block
		}
	}
	e.eachChild(func(p die) bool {
		if p.tag == tagCallParam || p.tag == tagGNUCallParam {
			if param, ok := callParamOf(p); ok {
				s.params = append(s.params, param)
			}
		}
		return len(s.params) < maxCallParams
	})
	return s
}

// callParamOf decodes a parameter that is passed in a register or by reference
// to its entry only.
func callParamOf(p die) (callParam, bool) {
	value, ok := p.get(attrCallValue)
	if !ok {
		value, ok = p.get(attrGNUCallValue)
	}
	c := callParam{value: value.block}
	if !ok || len(c.value) == 0 {
		return callParam{}, false
	}
	for _, attr := range []dwarfx.Attr{attrCallParameter, dwarfx.AttrAbstractOrigin} {
		if off, ok := p.ref(attr); ok && !p.has(attrLocation) {
			c.param = off
			return c, true
		}
	}
	loc, _ := p.get(attrLocation)
	b := dwarfx.NewBuf("parameter", loc.block, 0)
	op := b.U8()
	c.reg = uint64(op - dwarfx.OpReg0)
	if op == dwarfx.OpRegx {
		c.reg = b.Uleb()
	} else if op < dwarfx.OpReg0 || op > dwarfx.OpReg31 {
		return callParam{}, false
	}
	return c, b.Err() == nil && b.Len() == 0
}
