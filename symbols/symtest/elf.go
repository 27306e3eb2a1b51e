package symtest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"
)

// ELF describes a tiny ELF image; Bytes builds it. Section indexes in Symbols
// count from 1 in the order of Sections.
type ELF struct {
	Type     elf.Type // zero means ET_EXEC
	Machine  elf.Machine
	Sections []Section
	Symbols  []Symbol
	BuildID  []byte // adds .note.gnu.build-id
}

// Section is one section of a tiny image.
type Section struct {
	Name  string
	Type  elf.SectionType // zero means SHT_PROGBITS
	Flags elf.SectionFlag
	Addr  uint64
	Data  []byte
	Size  uint64 // of SHT_NOBITS
	Rela  []Rela
}

// Rela is a relocation of a section against the n-th of Symbols, from 1.
type Rela struct {
	Off    uint64
	Type   elf.R_X86_64
	Symbol int
	Addend int64
}

// Symbol is one symbol of a tiny image.
type Symbol struct {
	Name    string
	Section int // from 1; or an elf.SHN_ constant
	Value   uint64
	Size    uint64
	Type    elf.SymType
	Bind    elf.SymBind
}

// Exec are the flags of a section with code.
const Exec = elf.SHF_ALLOC | elf.SHF_EXECINSTR

// Bytes builds the image: header, contents, section headers.
func (e ELF) Bytes() []byte {
	b := builder{out: make([]byte, 64)}
	if b.typ = e.Type; b.typ == elf.ET_NONE {
		b.typ = elf.ET_EXEC
	}
	b.machine = e.Machine
	if b.machine == elf.EM_NONE {
		b.machine = elf.EM_X86_64
	}
	b.section(elf.Section64{}, "", nil)
	for _, s := range e.Sections {
		typ := s.Type
		if typ == elf.SHT_NULL {
			typ = elf.SHT_PROGBITS
		}
		b.section(elf.Section64{Type: uint32(typ), Flags: uint64(s.Flags), Addr: s.Addr, Size: s.Size, Addralign: 1}, s.Name, s.Data)
	}
	if e.BuildID != nil {
		b.section(elf.Section64{Type: uint32(elf.SHT_NOTE), Flags: uint64(elf.SHF_ALLOC), Addralign: 4}, ".note.gnu.build-id", buildIDNote(e.BuildID))
	}
	symtab := uint32(len(b.headers))
	b.symbols(e.Symbols)
	for i, s := range e.Sections {
		if len(s.Rela) > 0 {
			b.relas(s, uint32(i+1), symtab)
		}
	}
	return b.finish()
}

type builder struct {
	typ     elf.Type
	machine elf.Machine
	out     []byte
	names   []byte
	headers []elf.Section64
}

func (b *builder) section(h elf.Section64, name string, data []byte) {
	h.Name = uint32(len(b.names))
	b.names = append(append(b.names, name...), 0)
	h.Off = uint64(len(b.out))
	if elf.SectionType(h.Type) != elf.SHT_NOBITS {
		h.Size = uint64(len(data))
	}
	b.out = append(b.out, data...)
	b.headers = append(b.headers, h)
}

func (b *builder) symbols(list []Symbol) {
	names := []byte{0}
	entries := make([]byte, 24)
	for _, s := range list {
		entries = appendLE(entries, elf.Sym64{
			Name: uint32(len(names)), Info: elf.ST_INFO(s.Bind, s.Type), Shndx: uint16(s.Section), Value: s.Value, Size: s.Size,
		})
		names = append(append(names, s.Name...), 0)
	}
	b.section(elf.Section64{Type: uint32(elf.SHT_SYMTAB), Link: uint32(len(b.headers) + 1), Entsize: 24}, ".symtab", entries)
	b.section(elf.Section64{Type: uint32(elf.SHT_STRTAB)}, ".strtab", names)
}

func (b *builder) relas(s Section, index, symtab uint32) {
	var data []byte
	for _, r := range s.Rela {
		data = appendLE(data, elf.Rela64{Off: r.Off, Info: elf.R_INFO(uint32(r.Symbol), uint32(r.Type)), Addend: r.Addend})
	}
	b.section(elf.Section64{Type: uint32(elf.SHT_RELA), Link: symtab, Info: index, Entsize: 24}, ".rela"+s.Name, data)
}

func (b *builder) finish() []byte {
	b.names = append(b.names, ".shstrtab\x00"...)
	h := elf.Section64{Type: uint32(elf.SHT_STRTAB), Name: uint32(len(b.names) - len(".shstrtab\x00")), Off: uint64(len(b.out)), Size: uint64(len(b.names))}
	b.out = append(b.out, b.names...)
	b.headers = append(b.headers, h)
	head := elf.Header64{
		Type: uint16(b.typ), Machine: uint16(b.machine), Version: 1, Ehsize: 64, Shentsize: 64,
		Shoff: uint64(len(b.out)), Shnum: uint16(len(b.headers)), Shstrndx: uint16(len(b.headers) - 1),
	}
	copy(head.Ident[:], elf.ELFMAG)
	head.Ident[elf.EI_CLASS], head.Ident[elf.EI_DATA], head.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	copy(b.out, appendLE(nil, head))
	for _, h := range b.headers {
		b.out = appendLE(b.out, h)
	}
	return b.out
}

func buildIDNote(id []byte) []byte {
	note := appendLE(nil, [3]uint32{4, uint32(len(id)), 3})
	note = append(append(note, "GNU\x00"...), id...)
	return append(note, make([]byte, -len(id)&3)...)
}

// appendLE appends a fixed-size value; the types above always have one.
func appendLE(dst []byte, v any) []byte {
	var buf bytes.Buffer
	if err := binary.Write(&buf, binary.LittleEndian, v); err != nil {
		panic("ktrap bug: " + err.Error())
	}
	return slices.Concat(dst, buf.Bytes())
}
