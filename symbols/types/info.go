package types

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"sync"
)

// Source hands out the sections of an ELF file, decompressed and, for
// relocatable files, relocated.
// Errors: any error means "no such section" to this package.
type Source interface {
	Section(name string) ([]byte, error)
}

// ErrNotFound says that the debug info knows no such name.
var ErrNotFound = errors.New("not found in debug info")

// ErrNoDebugInfo says that the file lacks what the question needs: BTF or DWARF
// for types, DWARF for anything else.
var ErrNoDebugInfo = errors.New("no debug info")

// Info answers type questions about one vmlinux or module. It is safe for
// concurrent use.
type Info struct {
	src  Source
	base *Info // vmlinux, when src is a module; may be nil

	// The terminal, the session and scripts ask concurrently and share what
	// was decoded, so the caches are locked rather than owned.
	mu      sync.Mutex
	btf     lazy[*btf]
	dwarf   lazy[*dwarfData]
	layouts map[string]*Layout
	vars    map[string][]Variable
	places  struct { // of the name asked for last
		name  string
		found map[uint64]bool
	}
}

// lazy is something loaded at the first question.
type lazy[T any] struct {
	loaded bool
	val    T
	err    error
}

func (l *lazy[T]) get(load func() (T, error)) (T, error) {
	if !l.loaded {
		l.loaded = true
		l.val, l.err = load()
	}
	return l.val, l.err
}

// New returns the types of one file. Nothing is read until the first question.
func New(src Source) *Info { return NewModule(src, nil) }

// NewModule returns the types of a module; what the module's own debug info
// leaves to the kernel (split BTF, declarations) is looked up in base.
func NewModule(src Source, base *Info) *Info {
	return &Info{src: src, base: base, layouts: make(map[string]*Layout), vars: make(map[string][]Variable)}
}

// Layout gives the layout of a struct, a union, or a typedef of one: "x",
// "struct x" and "union x" are accepted.
// Errors: wraps ErrNotFound or ErrNoDebugInfo.
func (i *Info) Layout(name string) (*Layout, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if l := i.layouts[name]; l != nil {
		return l, nil
	}
	t, err := i.layoutType(name)
	if err != nil {
		return nil, err
	}
	l := &Layout{info: i, typ: t}
	i.layouts[name] = l
	return l, nil
}

// layoutType finds the struct or union a name means. Called with mu held.
func (i *Info) layoutType(name string) (*dwarf.StructType, error) {
	kinds := []string{"struct ", "union ", ""}
	if sp, err := parseSpelling(name); err == nil && sp.tag != "" {
		kinds = kinds[2:]
	}
	var first error
	for _, kind := range kinds {
		t, err := i.typeByName(kind + name)
		if err == nil {
			t, err = i.complete(Strip(t))
		}
		if st, ok := t.(*dwarf.StructType); ok && err == nil && !st.Incomplete {
			return st, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = fmt.Errorf("layout of %q: %w", name, ErrNotFound)
	}
	return nil, first
}

// TypeByName gives the type a C spelling means: "struct task_struct", "u64",
// "unsigned long", "enum pid_type", "struct mm_struct *", "char **", "int[4]".
// Errors: wraps ErrNotFound, ErrNoDebugInfo or says what is wrong in the name.
func (i *Info) TypeByName(name string) (dwarf.Type, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.typeByName(name)
}

func (i *Info) typeByName(name string) (dwarf.Type, error) {
	sp, err := parseSpelling(name)
	if err != nil {
		return nil, fmt.Errorf("read type name %q: %w", name, err)
	}
	t, err := i.named(sp.tag, sp.name)
	if err != nil {
		return nil, fmt.Errorf("find type %q: %w", name, err)
	}
	return sp.wrap(t), nil
}

// named finds one type by tag ("struct", "union", "enum" or "" for a typedef
// or base type) and name. Called with mu held.
func (i *Info) named(tag, name string) (dwarf.Type, error) {
	return i.namedAny([]string{tag}, name)
}

// namedAny finds a type that has one of the tags, tried in order: in BTF, in
// DWARF, then in the base kernel. Called with mu held.
func (i *Info) namedAny(tags []string, name string) (dwarf.Type, error) {
	last := tags[len(tags)-1]
	if last == "" && name == "void" {
		return new(dwarf.VoidType), nil
	}
	b, btfErr := i.loadBTF()
	for n := 0; btfErr == nil && n < len(tags); n++ {
		if id, ok := b.find(tags[n], name); ok && !b.declares(id) {
			return b.typeOf(id), nil
		}
	}
	d, dwarfErr := i.loadDWARF()
	if dwarfErr == nil {
		if off, ok := d.findType(tags, name); ok {
			return d.typeOf(off), nil
		}
	}
	if i.base != nil {
		return i.base.namedLocked(tags, name)
	}
	if last == "" {
		if t, ok := builtinType(name); ok {
			return t, nil
		}
	}
	if btfErr != nil && dwarfErr != nil {
		return nil, fmt.Errorf("%w: %w, %w", ErrNoDebugInfo, btfErr, dwarfErr)
	}
	return nil, ErrNotFound
}

func (i *Info) namedLocked(tags []string, name string) (dwarf.Type, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.namedAny(tags, name)
}

// Complete gives the definition of a struct or union that t only declares, and
// t itself for everything else. Typedefs and qualifiers are left alone.
// Errors: wraps ErrNotFound when no definition is known; t is still returned.
func (i *Info) Complete(t dwarf.Type) (dwarf.Type, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.complete(t)
}

func (i *Info) complete(t dwarf.Type) (dwarf.Type, error) {
	st, ok := t.(*dwarf.StructType)
	if !ok || !st.Incomplete {
		return t, nil
	}
	if full := i.completion(st); full != nil {
		return full, nil
	}
	if st.StructName == "" {
		return t, fmt.Errorf("complete an unnamed %s: %w", st.Kind, ErrNotFound)
	}
	full, err := i.named(st.Kind, st.StructName)
	if err != nil {
		return t, fmt.Errorf("complete %s %s: %w", st.Kind, st.StructName, err)
	}
	return full, nil
}

// completion gives the very definition a declaration made here stands for, or
// nil; by name alone it could be another struct of that name.
func (i *Info) completion(st *dwarf.StructType) dwarf.Type {
	// What has not been loaded has made no declaration.
	if i.btf.loaded && i.btf.err == nil {
		if full := i.btf.val.completion(st); full != nil {
			return full
		}
	}
	if i.dwarf.loaded && i.dwarf.err == nil {
		if full := i.dwarf.val.completion(st); full != nil {
			return full
		}
	}
	if i.base == nil {
		return nil
	}
	i.base.mu.Lock()
	defer i.base.mu.Unlock()
	return i.base.completion(st)
}

// loadBTF decodes the .BTF index once. Called with mu held.
func (i *Info) loadBTF() (*btf, error) {
	return i.btf.get(func() (*btf, error) {
		var base *btf
		if i.base != nil {
			base = i.base.sharedBTF()
		}
		if data, err := i.src.Section(".BTF.base"); err == nil {
			// An out-of-tree module since 6.11 carries just enough of the
			// kernel's types to be read without the kernel.
			if base, err = newBTF(data, nil); err != nil {
				return nil, fmt.Errorf("read .BTF.base: %w", err)
			}
			base.distilled = true
		}
		data, err := i.src.Section(".BTF")
		if err != nil {
			return nil, fmt.Errorf("read .BTF: %w", err)
		}
		return newBTF(data, base)
	})
}

// loadDWARF maps the DWARF sections once. Called with mu held.
func (i *Info) loadDWARF() (*dwarfData, error) {
	return i.dwarf.get(func() (*dwarfData, error) { return loadDWARF(i.src) })
}

// sharedBTF gives the raw BTF for a module to build upon; nil if there is none.
func (i *Info) sharedBTF() *btf {
	i.mu.Lock()
	defer i.mu.Unlock()
	b, err := i.loadBTF()
	if err != nil {
		return nil
	}
	return b
}
