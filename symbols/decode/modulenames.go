package decode

import (
	"debug/elf"
	"encoding/binary"
	"fmt"

	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
)

// namesInModule names what the code of a module refers to. Where the kernel and the
// module's other sections lie, seen from it, its file does not say, but what the
// loader has put into the code it does. All else counts from the function.
func (k *Kernel) namesInModule(fn *symbols.Func, code []byte, base addr.Addr) func(addr.Addr) string {
	sym := k.offline.Symbolizer()
	im, start, ok := sym.Home(fn.Start)
	if !ok || im == nil {
		return nil
	}
	own, _ := im.File().SectionAt(uint64(start))
	names := map[addr.Addr]string{}
	_ = elffile.Guard(func() error { // of a damaged file there are fewer names
		s := section{im: im, name: own.Name, at: uint64(start) + uint64(base-fn.Start) - own.Addr}
		return s.references(code, base, names)
	})
	return func(a addr.Addr) string {
		if name := names[a]; name != "" {
			return name
		}
		f, ok := sym.Func(a)
		if !ok || f.Module != fn.Module || !inSection(sym, a, own.Index) {
			return fmt.Sprintf("%s%+#x", fn.Name, int64(a-fn.Start))
		}
		return plus(&f)
	}
}

// inSection reports whether an address is in a section of the module it is in.
func inSection(sym *symbols.Symbolizer, a addr.Addr, index int) bool {
	im, at, ok := sym.Home(a)
	if !ok || im == nil {
		return false
	}
	s, _ := im.File().SectionAt(uint64(at))
	return s.Index == index
}

// section is code in a section of a module's file.
type section struct {
	im   *symbols.Image
	name string
	at   uint64 // offset of the code
}

// relaSize is sizeof(Elf64_Rela).
const relaSize = 24

// references names the targets of what the loader filled in: those of calls and jumps,
// and memory relative to rip. base is where code begins.
// Source: System V ABI, AMD64 supplement, "Relocation".
func (s *section) references(code []byte, base addr.Addr, names map[addr.Addr]string) error {
	relas, err := s.im.File().Section(".rela" + s.name)
	if err != nil {
		return err
	}
	syms, err := s.im.File().SymbolTable()
	if err != nil {
		return err
	}
	for ; len(relas) >= relaSize; relas = relas[relaSize:] {
		off := binary.LittleEndian.Uint64(relas) - s.at
		info := binary.LittleEndian.Uint64(relas[8:])
		switch elf.R_X86_64(uint32(info)) {
		case elf.R_X86_64_PC32, elf.R_X86_64_PLT32:
		default:
			continue
		}
		n := int(info >> 32)
		if off+4 > uint64(len(code)) || off+4 < off || n >= syms.Len() {
			continue
		}
		target := syms.Symbol(n)
		addend := int64(binary.LittleEndian.Uint64(relas[16:]))
		to := base + addr.Addr(off) + addr.Addr(int32(binary.LittleEndian.Uint32(code[off:])))
		// The CPU counts from the end of the instruction, behind a constant if it has one.
		for _, end := range []int64{4, 5, 6, 8} {
			if at := to + addr.Addr(end); names[at] == "" {
				names[at] = s.target(&target, addend+end)
			}
		}
	}
	return nil
}

// target names what lies so many bytes behind a symbol.
func (s *section) target(sym *elffile.Symbol, off int64) string {
	if sym.Type == elf.STT_SECTION || sym.Name == "" {
		at, ok := s.im.SymbolAt(addr.LinkAddr(sym.Value + uint64(off)))
		if !ok {
			return ""
		}
		return plus(&symbols.Func{Name: at.Name, Off: sym.Value + uint64(off) - uint64(at.Addr)})
	}
	return plus(&symbols.Func{Name: sym.Name, Off: uint64(off)})
}
