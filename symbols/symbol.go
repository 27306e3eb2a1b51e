package symbols

import (
	"debug/elf"
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
)

// Kind says what a symbol names.
type Kind uint8

// The kinds of symbols.
const (
	KindNoType Kind = iota // assembly labels and linker script symbols
	KindFunc
	KindObject
)

// Symbol is a symbol of an image.
// Units: Size is the distance to the next symbol, as kallsyms has it.
type Symbol struct {
	Name    string
	Addr    addr.LinkAddr
	Size    uint64
	ELFSize uint64 // st_size, without padding; 0 for most assembly labels
	Kind    Kind
	Section string
}

// Func is a symbol of the running kernel and, when it answers a question about
// an address, the offset of that address in it.
type Func struct {
	Name   string
	Start  addr.Addr
	Size   uint64 // as kallsyms has it: up to the next symbol
	Off    uint64
	Module string // "" for vmlinux
	Kind   Kind
}

// String prints the function as the kernel's %pS does: name+0x1/0x2 [module].
func (f Func) String() string {
	s := fmt.Sprintf("%s+%#x/%#x", f.Name, f.Off, f.Size)
	if f.Module != "" {
		s += " [" + f.Module + "]"
	}
	return s
}

// kindOf also takes data without a type for what its section is.
func kindOf(s elffile.Symbol) Kind {
	switch s.Type {
	case elf.STT_FUNC, elf.STT_GNU_IFUNC:
		return KindFunc
	case elf.STT_OBJECT:
		return KindObject
	}
	return KindNoType
}
