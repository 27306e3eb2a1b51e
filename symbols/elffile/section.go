package elffile

import (
	"debug/elf"
	"fmt"
	"iter"
	"strings"
)

// Section gives the contents of a section: a slice of the mapped file where
// possible, a decompressed or relocated copy where not. It must not be changed.
// Errors: wraps ErrNoSection when there is none of that name or it has no
// contents in the file.
func (f *File) Section(name string) ([]byte, error) {
	in, i, err := f.holder(name)
	if err != nil {
		return nil, err
	}
	return in.contents(i)
}

// Partial is [File.Section] for whoever needs parts of a section only: relocating
// all of a big module's .debug_info takes longer than a question about it.
// Where need is not nil, data are not there until it was called for the range
// that is then read; it is safe for concurrent use.
func (f *File) Partial(name string) (data []byte, need func(low, high uint64) error, err error) {
	in, i, err := f.holder(name)
	if err != nil {
		return nil, nil, err
	}
	c := in.cell(i)
	if c.parts == nil {
		return c.data, nil, c.err
	}
	return c.data, c.parts.need, nil
}

// Relocations gives the contents of a section as they were before it was
// relocated, and where relocations put a value; where is nil, and contents are
// all there is, if there are none. Looking for a value so takes less than to
// relocate the section, and what is not a value can be looked for in contents.
func (f *File) Relocations(name string) (contents []byte, where func(value uint64) iter.Seq[uint64], err error) {
	in, i, err := f.holder(name)
	if err != nil {
		return nil, nil, err
	}
	c := in.cell(i)
	if c.parts == nil || c.parts.from == nil { // inflated: relocated where it lies
		contents, err = in.contents(i)
		return contents, nil, err
	}
	return c.parts.from, c.parts.putting, nil
}

// holder gives the file that has the contents of a section.
func (f *File) holder(name string) (in *File, i int, err error) {
	i, ok := f.byName[name]
	switch {
	case ok && f.sections[i].Type != elf.SHT_NOBITS:
		return f, i, nil
	case f.debug != nil:
		return f.debug.holder(name)
	}
	return nil, 0, fmt.Errorf("section %s of %q: %w", name, f.path, ErrNoSection)
}

// Has reports whether the file, or what was split off it, has contents for a
// section.
func (f *File) Has(name string) bool {
	i, ok := f.byName[name]
	return ok && f.sections[i].Type != elf.SHT_NOBITS || f.debug != nil && f.debug.Has(name)
}

// contents gives all of a section.
func (f *File) contents(i int) ([]byte, error) {
	c := f.cell(i)
	if c.parts != nil {
		if err := c.parts.needAll(); err != nil {
			return nil, err
		}
	}
	return c.data, c.err
}

// cell gives the section as far as it was decoded; what has parts is not there
// until it is needed.
func (f *File) cell(i int) *cell {
	c := &f.cells[i]
	c.once.Do(func() {
		name := f.sections[i].Name
		c.err = Guard(func() (err error) {
			c.data, c.parts, err = f.load(i)
			return err
		})
		if c.err != nil {
			c.data, c.parts, c.err = nil, nil, fmt.Errorf("section %s of %q: %w", name, f.path, c.err)
		}
	})
	return c
}

// load decodes section i; relocation data and symbol tables are taken raw, so
// that a section cannot end up waiting for itself.
func (f *File) load(i int) ([]byte, *parts, error) {
	data, err := f.raw(i)
	rel, ok := f.relOf[i]
	s := &f.sections[i]
	if err != nil || f.typ != elf.ET_REL || !ok || !relocated(s.Name) {
		return data, nil, err
	}
	r, err := f.relocationsOf(i, rel, len(data))
	if err != nil {
		return nil, nil, err
	}
	p := newParts(r, data, s.Flags&elf.SHF_COMPRESSED != 0 || s.zdebug)
	p.what = fmt.Sprintf("section %s of %q", s.Name, f.path)
	return p.data, p, nil
}

// raw gives the uncompressed contents of section i as they are in the file.
func (f *File) raw(i int) ([]byte, error) {
	s := &f.sections[i]
	if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
		return nil, ErrNoSection
	}
	end := s.offset + s.fileSize
	if end < s.offset || end > uint64(len(f.data)) {
		return nil, fmt.Errorf("[%#x,%#x) lies outside of the file (%#x bytes)", s.offset, end, len(f.data))
	}
	data := f.data[s.offset:end:end]
	switch {
	case s.Flags&elf.SHF_COMPRESSED != 0:
		return f.inflateSection(data)
	case s.zdebug:
		return f.inflateZdebug(data)
	}
	return data, nil
}

// relocated says which sections of a module are wanted with addresses in them.
func relocated(name string) bool {
	return strings.HasPrefix(name, ".debug_") || strings.HasPrefix(name, ".orc_")
}
