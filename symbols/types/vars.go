package types

import (
	"debug/dwarf"
	"fmt"
	"iter"
	"strings"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
	"ktrap/symbols/elffile"
)

// Variable is a global or static variable.
type Variable struct {
	Name string
	// Addr is the link address. That of a per-CPU variable is an offset into
	// the per-CPU area, often small. In a module it is the address that
	// elffile made up.
	Addr addr.LinkAddr
	Type dwarf.Type
	// PerCPU says that each CPU has its own and Addr is not that of any.
	PerCPU bool
	// External variables are known beyond their file.
	External bool
	// File is the file the variable is defined in, as given to the compiler;
	// empty when unknown.
	File string
	// Func is the function a local static variable belongs to.
	Func string
}

// symbols is what a Source may offer besides sections; *elffile.File does.
type symbols interface {
	AllSymbols() (iter.Seq[elffile.Symbol], error)
}

// Variable gives the variable of that name. Of several the external one is
// preferred, then one at file scope, then the first in the file.
// Errors: wraps ErrNotFound or ErrNoDebugInfo.
func (i *Info) Variable(name string) (Variable, error) {
	all, err := i.Variables(name)
	if err != nil {
		return Variable{}, err
	}
	return all[0], nil
}

// Variables lists the variables of that name, the preferred one first: static
// ones of different files may share a name.
// Errors: wraps ErrNotFound or ErrNoDebugInfo; without error there is at least one.
func (i *Info) Variables(name string) ([]Variable, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if found := i.vars[name]; found != nil {
		return found, nil
	}
	found, err := i.variables(name)
	if err != nil {
		return nil, fmt.Errorf("find variable %q: %w", name, err)
	}
	i.vars[name] = found
	return found, nil
}

func (i *Info) variables(name string) ([]Variable, error) {
	d, err := i.loadDWARF()
	places := i.dataSymbols(name)
	if places != nil && len(places) == 0 {
		return nil, ErrNotFound // what has an address has a symbol
	}
	if v, ok := i.btfVariable(name, places, err == nil); ok {
		return []Variable{v}, nil
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrNoDebugInfo, err)
		if a, ok := onlyGlobal(places); ok {
			err = fmt.Errorf("it lies at %v, its type is in DWARF alone: %w", addr.LinkAddr(a), err)
		}
		return nil, err
	}
	var found []Variable
	for a := range places {
		if v, ok := d.variableAt(name, a); ok {
			found = append(found, v)
		}
	}
	if len(found) == 0 {
		found = d.variablesByName(name, places)
	}
	if len(found) == 0 {
		return nil, ErrNotFound
	}
	for n := range found {
		found[n].PerCPU = i.perCPU(found[n].Addr)
	}
	sortVariables(found)
	return found, nil
}

// dataSymbols gives the addresses of the symbols a variable of that name may
// have; local static ones get a number behind the name. nil when the source
// has no symbols. The symbol's size is not kept: DWARF knows better.
// Called with mu held.
func (i *Info) dataSymbols(name string) map[uint64]bool {
	if i.places.name != name {
		i.places.name, i.places.found = name, i.scanSymbols(name)
	}
	return i.places.found
}

func (i *Info) scanSymbols(name string) map[uint64]bool {
	src, ok := i.src.(symbols)
	if !ok {
		return nil
	}
	all, err := src.AllSymbols()
	if err != nil {
		return nil
	}
	places := make(map[uint64]bool)
	for s := range all {
		rest, ok := strings.CutPrefix(s.Name, name)
		if ok && (rest == "" || isSerial(rest)) && !isCode(s) && len(places) < maxVariablesFound {
			places[s.Value] = s.Name == name
		}
	}
	return places
}

// isSerial reports whether a suffix is what compilers put behind the names of
// local static variables: ".0", ".1234".
func isSerial(s string) bool {
	return len(s) > 1 && s[0] == '.' && strings.Trim(s[1:], "0123456789") == ""
}

// btfVariable takes a per-CPU variable from .BTF, which saves the search in
// DWARF. Only a name with one symbol is safe: BTF says where in its section a
// variable lies, but not whose section that is. Without symbols and DWARF that
// place is all there is.
func (i *Info) btfVariable(name string, places map[uint64]bool, dwarf bool) (Variable, bool) {
	b, err := i.loadBTF()
	if err != nil || len(places) != 1 && (places != nil || dwarf) {
		return Variable{}, false
	}
	id, external, ok := b.findVar(name)
	if !ok {
		return Variable{}, false
	}
	t, _ := b.at(id)
	v := Variable{Name: name, Type: b.typeOf(t.arg), External: external}
	for a := range places {
		v.Addr = addr.LinkAddr(a)
	}
	section, off, ok := b.sectionOf(id)
	v.PerCPU = ok && section == perCPUSection
	if places == nil {
		v.Addr = addr.LinkAddr(off)
	}
	return v, true
}

// perCPUSection holds the per-CPU variables, in vmlinux and in modules.
const perCPUSection = ".data..percpu"

// sections is what a Source may offer besides contents; *elffile.File does.
type sections interface {
	SectionAddr(name string) (addr, size uint64, ok bool)
}

// perCPU reports whether a link address lies among the per-CPU variables.
func (i *Info) perCPU(a addr.LinkAddr) bool {
	src, ok := i.src.(sections)
	if !ok {
		return false
	}
	start, size, ok := src.SectionAddr(perCPUSection)
	return ok && uint64(a)-start < size
}

// functionAround names the function an entry is nested in.
func (d *dwarfData) functionAround(e die) string {
	for range maxScopeDepth {
		off, ok := d.parent(e)
		if !ok {
			return ""
		}
		if e, ok = d.die(off); !ok {
			return ""
		}
		if e.tag == tagSubprogram || e.tag == tagInlined {
			return d.nameOf(e)
		}
	}
	return ""
}

// variablesByName goes by name where symbols do not help: when there are none,
// or when the symbol is defined in assembly or by the linker script and C only
// declares it. places are the addresses known.
func (d *dwarfData) variablesByName(name string, places map[uint64]bool) []Variable {
	var found []Variable
	q := &query{name: name, tags: []dwarfx.Tag{tagVariable}, keep: isGlobal}
	for e := range d.named(q) {
		if v, ok := d.variable(e); ok {
			found = append(found, v)
			continue
		}
		if !e.has(attrDeclaration) {
			continue
		}
		if a, ok := onlyGlobal(places); ok {
			return []Variable{{Name: name, Addr: addr.LinkAddr(a), Type: d.typeAttr(e), External: true}}
		}
		if v, ok := d.definitionOf(e); ok {
			found = append(found, v)
		}
		if len(found) >= maxVariablesFound {
			break
		}
	}
	return found
}

// onlyGlobal gives the address of the one symbol that has exactly the name.
func onlyGlobal(places map[uint64]bool) (uint64, bool) {
	var found []uint64
	for a, exact := range places {
		if exact {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		return 0, false
	}
	return found[0], true
}

// definitionOf finds the entry that completes a declaration, in its unit.
func (d *dwarfData) definitionOf(decl die) (Variable, bool) {
	root, ok := d.die(decl.unit.First)
	if !ok {
		return Variable{}, false
	}
	var v Variable
	found := false
	root.eachChild(func(e die) bool {
		if e.tag != tagVariable {
			return true
		}
		if off, ok := e.ref(dwarfx.AttrSpecification); ok && off == decl.off {
			v, found = d.variable(e)
		}
		return !found
	})
	return v, found
}
