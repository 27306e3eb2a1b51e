package elffile

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// ErrNoSection says that the file has no section of that name.
var ErrNoSection = errors.New("no such section")

// ErrNotELF says that the file is no 64-bit little-endian ELF file.
var ErrNotELF = errors.New("not a 64-bit little-endian ELF file")

// RelBase is the made-up address of the first section of a relocatable file.
// It is far from 0, which DWARF uses for code the linker threw away.
const RelBase = 0x10000000

// File is one ELF file. It is safe for concurrent use.
type File struct {
	// Immutable.
	path     string
	data     []byte
	unmap    func() error
	stat     *unix.Stat_t // of the file, nil: there is none
	mapped   bool         // data are the file
	typ      elf.Type
	machine  elf.Machine
	sections []Section
	byName   map[string]int
	relOf    map[int]int // section index -> index of the SHT_RELA for it

	debug   *File // what was split off this file, nil: nothing
	ofDebug []int // section of debug -> section here; 0: none

	peekOnce sync.Once
	peekFD   int  // of what data are mapped from
	peekable bool // it is still there

	cells    []cell       // one per section: contents once asked for
	inflated atomic.Int64 // bytes that were decompressed

	symOnce sync.Once
	syms    *SymbolTable
	symErr  error

	namesOnce sync.Once
	names     string // of all symbols

	altOnce sync.Once
	alt     *File // what dwz moved debug information to, nil: nothing
	altErr  error
}

// cell holds the decoded contents of one section.
type cell struct {
	once  sync.Once
	data  []byte
	parts *parts // nil: data are all there
	err   error
}

// Section describes one section.
// Units: Addr is a link address; for a relocatable file the made-up one.
type Section struct {
	Name  string
	Index int
	Type  elf.SectionType
	Flags elf.SectionFlag
	Addr  uint64
	Size  uint64 // in memory, uncompressed
	Align uint64

	link     uint32
	offset   uint64
	fileSize uint64
	zdebug   bool // compressed as before the ELF standard had a way
}

// Alloc reports whether the section occupies memory at run time.
func (s Section) Alloc() bool { return s.Flags&elf.SHF_ALLOC != 0 }

// Exec reports whether the section holds code.
func (s Section) Exec() bool { return s.Alloc() && s.Flags&elf.SHF_EXECINSTR != 0 }

// Open maps the ELF file at path. A file compressed as a whole (.gz, .xz, .zst)
// is decompressed to memory.
// Errors: wraps ErrNotELF when the file is something else.
func Open(path string) (*File, error) {
	data, stat, err := mapFile(path)
	if err != nil {
		return nil, err
	}
	unmap := func() error { return unix.Munmap(data) }
	if plain, err := decompressFile(data); err != nil || plain != nil {
		err = errors.Join(err, unmap())
		if err != nil {
			return nil, fmt.Errorf("decompress %q: %w", path, err)
		}
		f, err := New(path, plain)
		if err == nil {
			f.stat = stat
		}
		return f, err
	}
	f, err := New(path, data)
	if err != nil {
		return nil, errors.Join(err, unmap())
	}
	f.unmap, f.stat, f.mapped = unmap, stat, true
	return f, nil
}

// New reads an ELF file held in memory; path serves for messages only.
func New(path string, data []byte) (f *File, err error) {
	if err := checkIdent(data); err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	err = Guard(func() error {
		f, err = parse(path, data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read ELF headers of %q, which is damaged or cut off (copy it again): %w", path, err)
	}
	return f, nil
}

// checkIdent names the usual mistakes before debug/elf gets to see the file.
func checkIdent(data []byte) error {
	if len(data) > 0x206 && string(data[0x202:0x206]) == "HdrS" {
		return fmt.Errorf("a bzImage, no vmlinux: %w", ErrNotELF)
	}
	switch {
	case len(data) < 64 || !bytes.HasPrefix(data, []byte(elf.ELFMAG)):
		return fmt.Errorf("no ELF file at all, give a vmlinux or a module: %w", ErrNotELF)
	case elf.Class(data[elf.EI_CLASS]) != elf.ELFCLASS64:
		return fmt.Errorf("of another word size, only 64-bit kernels are known: %w", ErrNotELF)
	case elf.Data(data[elf.EI_DATA]) != elf.ELFDATA2LSB:
		return fmt.Errorf("big-endian, only little-endian kernels are known: %w", ErrNotELF)
	case elf.Type(le.Uint16(data[16:])) == elf.ET_CORE:
		return errCore
	}
	return nil
}

var errCore = errors.New("a core dump, give the vmlinux of the kernel it is of")

func parse(path string, data []byte) (*File, error) {
	e, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	f := &File{
		path: path, data: data, typ: e.Type, machine: e.Machine,
		unmap:  func() error { return nil },
		byName: make(map[string]int, len(e.Sections)),
		relOf:  map[int]int{},
		cells:  make([]cell, len(e.Sections)),

		sections: make([]Section, 0, len(e.Sections)),
	}
	for i, s := range e.Sections {
		f.sections = append(f.sections, newSection(i, s))
		name := f.sections[i].Name
		if _, ok := f.byName[name]; !ok && i > 0 {
			f.byName[name] = i
		}
		if s.Type == elf.SHT_RELA {
			f.relOf[int(s.Info)] = i
		}
	}
	if f.typ == elf.ET_REL {
		f.place()
	}
	return f, nil
}

func newSection(i int, s *elf.Section) Section {
	name, zdebug := s.Name, strings.HasPrefix(s.Name, ".zdebug_")
	if zdebug {
		name = "." + name[len(".z"):]
	}
	return Section{
		Name: name, zdebug: zdebug, Index: i, Type: s.Type, Flags: s.Flags, Addr: s.Addr, Size: s.Size, Align: s.Addralign,
		link: s.Link, offset: s.Offset, fileSize: s.FileSize,
	}
}

// place gives every allocated section of a relocatable file its own address.
func (f *File) place() {
	next := uint64(RelBase)
	for i := range f.sections {
		s := &f.sections[i]
		if !s.Alloc() || s.Size > maxSection {
			continue
		}
		align := max(s.Align, 16)
		if align&(align-1) != 0 || align > 1<<21 {
			align = 16
		}
		s.Addr = (next + align - 1) &^ (align - 1)
		// A gap keeps the end of one section apart from the start of the next.
		next = s.Addr + s.Size + 16
	}
}

// Path gives the path the file was opened with.
func (f *File) Path() string { return f.path }

// Type gives the kind of file: ET_EXEC or ET_DYN for vmlinux, ET_REL for modules.
func (f *File) Type() elf.Type { return f.typ }

// Machine gives the architecture.
func (f *File) Machine() elf.Machine { return f.machine }

// Sections lists the sections in file order; the slice must not be changed.
func (f *File) Sections() []Section { return f.sections }

// SectionAddr gives the link address and size of a section in memory.
func (f *File) SectionAddr(name string) (addr, size uint64, ok bool) {
	i, ok := f.byName[name]
	if !ok {
		return 0, 0, false
	}
	return f.sections[i].Addr, f.sections[i].Size, true
}

// SectionAt gives the allocated section that covers a link address.
// Per-CPU data, which vmlinux links at 0, is found too.
func (f *File) SectionAt(a uint64) (Section, bool) {
	for _, s := range f.sections {
		if s.Alloc() && a >= s.Addr && a-s.Addr < s.Size {
			return s, true
		}
	}
	return Section{}, false
}

// Stamp tells versions of the file that has a section apart, by what costs nothing:
// size and time of change. "" when there is no file.
func (f *File) Stamp(section string) string {
	in, _, err := f.holder(section)
	if err != nil || in.stat == nil {
		return ""
	}
	return fmt.Sprintf("%d %d", in.stat.Size, in.stat.Mtim.Nano())
}

// Close unmaps the file. Section contents obtained before are invalid after it;
// strings stay valid.
func (f *File) Close() error {
	err := f.unmap()
	f.peekOnce.Do(func() {}) // not opened any more
	if f.peekable {
		err = errors.Join(err, unix.Close(f.peekFD))
	}
	for _, other := range []*File{f.debug, f.alt} {
		if other != nil {
			err = errors.Join(err, other.Close())
		}
	}
	return err
}
