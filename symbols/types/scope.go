package types

import (
	"cmp"
	"debug/dwarf"
	"fmt"
	"slices"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
)

// Scope is what one function, inlined or not, has in view at a pc.
type Scope struct {
	Func    string
	Inlined bool
	Vars    []Local // parameters in order, then locals, inner blocks first
}

// Local is a parameter or local variable at a pc.
type Local struct {
	Name  string
	Type  dwarf.Type
	Param bool

	expr      []byte // its location here; nil: none
	elsewhere bool   // it has one at other pcs
	constant  []byte // its value, when it has no location
	fn        *function
	order     uint64 // of declaration
}

// Scopes gives the variables in view at a pc: those of the innermost inlined
// function first, those of the function that holds it last.
// Units: pc is the link address to look up, for a return address one less.
// Errors: wraps ErrNotFound where the debug info has no function.
func (i *Info) Scopes(pc addr.LinkAddr) ([]Scope, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	d, err := i.loadDWARF()
	if err != nil {
		return nil, fmt.Errorf("find function at %v: %w: %w", pc, ErrNoDebugInfo, err)
	}
	u, ok := d.unitAtPC(uint64(pc))
	if !ok {
		return nil, fmt.Errorf("find function at %v: %w", pc, ErrNotFound)
	}
	w := scopeWalk{d: d, info: i, unit: u, pc: uint64(pc)}
	root, ok := d.die(u.First)
	if ok {
		w.descend(root, 0)
	}
	if len(w.scopes) == 0 {
		return nil, fmt.Errorf("find function at %v: %w", pc, ErrNotFound)
	}
	for n := range w.scopes {
		slices.SortStableFunc(w.scopes[n].Vars, inOrder)
	}
	slices.Reverse(w.scopes)
	return w.scopes, nil
}

// inOrder puts parameters first, in the order they were declared in.
func inOrder(a, b Local) int {
	switch {
	case a.Param && b.Param:
		return cmp.Compare(a.order, b.order)
	case a.Param == b.Param:
		return 0
	case a.Param:
		return -1
	}
	return 1
}

// scopeWalk goes down from a unit's root to the blocks around a pc.
type scopeWalk struct {
	d       *dwarfData
	info    *Info
	unit    *dwarfx.Unit
	pc      uint64
	fn      *function
	scopes  []Scope // outermost first
	scratch []dwarfx.Range
}

// descend looks for what covers the pc among the children. Only one child of a
// kind can, except that compilers let inlined siblings overlap: the first wins.
func (w *scopeWalk) descend(e die, depth int) {
	var inner die
	var vars []Local
	found := false
	b := e.kids
	for e.children && b.Len() > 0 {
		start := uint64(b.Off())
		a := w.unit.Next(&b)
		if a == nil {
			break
		}
		switch a.Tag {
		case tagFormalParam, tagVariable, tagSubprogram, tagLexicalBlock, tagInlined:
			at := w.unit.Buf(start)
			c, ok := readDIE(w.unit, &at)
			switch {
			case !ok:
			case a.Tag != tagFormalParam && a.Tag != tagVariable:
				if !found && w.covers(c) {
					inner, found = c, true
				}
			case len(w.scopes) > 0 && len(vars) < maxVarsInScope:
				vars = append(vars, w.local(c))
			}
		}
		w.unit.SkipEntry(&b, a)
	}
	if len(w.scopes) > 0 {
		s := &w.scopes[len(w.scopes)-1]
		s.Vars = append(vars, s.Vars...)
	}
	if !found || depth == maxScopeDepth {
		return
	}
	w.enter(inner)
	w.descend(inner, depth+1)
}

// enter opens a scope for a function.
func (w *scopeWalk) enter(e die) {
	switch e.tag {
	case tagSubprogram:
		w.fn = w.function(e)
		w.scopes = append(w.scopes[:0], Scope{Func: w.d.nameOf(e), Vars: w.leftOut(e)})
	case tagInlined:
		w.scopes = append(w.scopes, Scope{Func: w.d.nameOf(e), Inlined: true, Vars: w.leftOut(e)})
	}
}

// function describes the function of a subprogram entry, at the pc.
func (w *scopeWalk) function(e die) *function {
	fn := &function{info: w.info, unit: w.unit, name: w.d.nameOf(e), off: e.off}
	fn.entry, _ = w.d.entryPC(e)
	if fb, ok := e.get(attrFrameBase); ok {
		fn.frameBase, _ = w.d.locationAt(e.unit, fb, w.pc)
	}
	return fn
}

func (w *scopeWalk) covers(e die) bool {
	covers, scratch := w.unit.Covers(pcAttrs(e), w.pc, w.scratch)
	w.scratch = scratch
	return covers
}

// local describes a variable, with the location that holds at the pc.
func (w *scopeWalk) local(e die) Local {
	l := Local{
		Name: w.d.nameOf(e), Type: w.d.typeAttr(e), Param: e.tag == tagFormalParam,
		fn: w.fn, order: e.off,
	}
	if off, ok := e.ref(dwarfx.AttrAbstractOrigin); ok {
		l.order = off
	}
	if loc, ok := e.get(attrLocation); ok {
		l.expr, _ = w.d.locationAt(e.unit, loc, w.pc)
		l.elsewhere = len(l.expr) == 0
	} else if o, ok := w.d.inherited(e, attrConstValue); ok {
		c, _ := o.get(attrConstValue)
		l.constant = constantBytes(c)
	}
	return l
}

// leftOut gives the variables that the abstract entry of a function declares
// and this instance of it does not mention: they are optimized out here.
func (w *scopeWalk) leftOut(e die) (out []Local) {
	off, ok := e.ref(dwarfx.AttrAbstractOrigin)
	if !ok {
		return nil
	}
	abstract, ok := w.d.die(off)
	if !ok {
		return nil
	}
	here := w.mentioned(e)
	abstract.eachChild(func(c die) bool {
		if (c.tag == tagFormalParam || c.tag == tagVariable) && !here[c.off] && !c.has(attrDeclaration) {
			l := w.local(c)
			l.expr, l.elsewhere = nil, false
			out = append(out, l)
		}
		return len(out) < maxVarsInScope
	})
	return out
}

// mentioned gives the abstract entries that variables in a function refer to,
// those in other functions inlined into it left aside.
func (w *scopeWalk) mentioned(e die) map[uint64]bool {
	out := make(map[uint64]bool)
	b := e.kids
	for depth := 1; e.children && depth > 0 && b.Len() > 0 && len(out) < maxVarsInScope; {
		start := uint64(b.Off())
		a := w.unit.Next(&b)
		switch {
		case a == nil:
			depth--
			continue
		case a.Tag == tagFormalParam || a.Tag == tagVariable:
			at := w.unit.Buf(start)
			if c, ok := readDIE(w.unit, &at); ok {
				if off, ok := c.ref(dwarfx.AttrAbstractOrigin); ok {
					out[off] = true
				}
			}
		case a.Tag == tagLexicalBlock:
			w.unit.SkipAttrs(&b, a)
			if a.Children {
				depth++
			}
			continue
		}
		w.unit.SkipEntry(&b, a)
	}
	return out
}
