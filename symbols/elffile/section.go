package elffile

import (
	"debug/elf"
	"fmt"
	"strings"
)

// Section gives the contents of a section: a slice of the mapped file where
// possible, a decompressed or relocated copy where not. It must not be changed.
// Errors: wraps ErrNoSection when there is none of that name or it has no
// contents in the file.
func (f *File) Section(name string) ([]byte, error) {
	i, ok := f.byName[name]
	switch {
	case ok && f.sections[i].Type != elf.SHT_NOBITS:
		return f.contents(i)
	case f.debug != nil:
		return f.debug.Section(name)
	}
	return nil, fmt.Errorf("section %s of %q: %w", name, f.path, ErrNoSection)
}

// Has reports whether the file, or what was split off it, has contents for a
// section.
func (f *File) Has(name string) bool {
	i, ok := f.byName[name]
	return ok && f.sections[i].Type != elf.SHT_NOBITS || f.debug != nil && f.debug.Has(name)
}

func (f *File) contents(i int) ([]byte, error) {
	c := &f.cells[i]
	c.once.Do(func() {
		c.err = Guard(func() (err error) {
			c.data, err = f.load(i)
			return err
		})
		if c.err != nil {
			c.data, c.err = nil, fmt.Errorf("section %s of %q: %w", f.sections[i].Name, f.path, c.err)
		}
	})
	return c.data, c.err
}

// load decodes section i; relocation data and symbol tables are taken raw, so
// that a section cannot end up waiting for itself.
func (f *File) load(i int) ([]byte, error) {
	data, err := f.raw(i)
	rel, ok := f.relOf[i]
	s := &f.sections[i]
	if err != nil || f.typ != elf.ET_REL || !ok || !relocated(s.Name) {
		return data, err
	}
	if s.Flags&elf.SHF_COMPRESSED == 0 && !s.zdebug {
		data = append([]byte(nil), data...)
	}
	return data, f.relocate(data, i, rel)
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
