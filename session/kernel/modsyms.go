package kernel

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"ktrap/session/target"
	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// Limits on the symbol table of a module.
const (
	maxModuleSyms = 1 << 18
	maxModuleStrs = 32 << 20
	maxSymbolName = 512 // KSYM_NAME_LEN since 6.1
	symSize       = 24  // Elf64_Sym
)

// ModuleSymbols reads the symbols the guest keeps of a module for its own
// traces, so that a module without a file on the host still has names.
func (k *Kernel) ModuleSymbols(ctx context.Context, mod *Module) ([]symbols.GuestSymbol, error) {
	syms, err := readKallsyms(k.memory(ctx), k.layouts, mod)
	if err != nil {
		return nil, fmt.Errorf("read symbols of module %q: %w", mod.Name, err)
	}
	return syms, nil
}

func readKallsyms(m target.Memory, l layouts, mod *Module) ([]symbols.GuestSymbol, error) {
	if mod.kallsyms == 0 {
		return nil, nil // CONFIG_KALLSYMS=n
	}
	s, err := shapeOf(l, "mod_kallsyms", "symtab", "num_symtab", "strtab", "typetab")
	if err == nil {
		err = s.need("symtab", "num_symtab", "strtab")
	}
	if err != nil {
		return nil, err
	}
	o, err := s.read(m, mod.kallsyms)
	if err != nil {
		return nil, err
	}
	n, _ := o.uint("num_symtab")
	if n > maxModuleSyms {
		return nil, &CorruptError{"symbol table", mod.kallsyms, fmt.Sprintf("it claims %d symbols", n)}
	}
	tab := make([]byte, n*symSize)
	if err := m.ReadMemory(tab, o.ptr("symtab")); err != nil {
		return nil, err
	}
	names, err := readNames(m, mod, tab, o.ptr("strtab"))
	if err != nil {
		return nil, err
	}
	kinds := make([]byte, n)
	if at := o.ptr("typetab"); at == 0 || m.ReadMemory(kinds, at) != nil {
		for i := range kinds {
			kinds[i] = tab[i*symSize+4] // st_info, where kernels up to 5.1 put the letter
		}
	}
	return collectSyms(tab, names, kinds), nil
}

// readNames reads as much of the string table as the symbols use. Its size is
// nowhere; it ends at the latest with the memory it lies in.
func readNames(m target.Memory, mod *Module, tab []byte, at addr.Addr) ([]byte, error) {
	last := uint64(0)
	for i := 0; i < len(tab); i += symSize {
		last = max(last, uint64(binary.LittleEndian.Uint32(tab[i:])))
	}
	size := last + maxSymbolName
	for _, r := range mod.Memory {
		if r.Contains(at) {
			size = min(size, uint64(r.End-at))
		}
	}
	if size > maxModuleStrs {
		return nil, &CorruptError{"string table", at, fmt.Sprintf("a name begins at offset %d", last)}
	}
	names := make([]byte, size)
	return names, m.ReadMemory(names, at)
}

func collectSyms(tab, names, kinds []byte) []symbols.GuestSymbol {
	var out []symbols.GuestSymbol
	for i := range kinds {
		e := tab[i*symSize:]
		name := binary.LittleEndian.Uint32(e)
		if binary.LittleEndian.Uint16(e[6:]) == 0 || uint64(name) >= uint64(len(names)) {
			continue // undefined
		}
		rest := names[name:]
		s, _, _ := bytes.Cut(rest[:min(maxSymbolName, len(rest))], []byte{0})
		if len(s) == 0 {
			continue
		}
		out = append(out, symbols.GuestSymbol{
			Name: printable(s),
			Addr: addr.Addr(binary.LittleEndian.Uint64(e[8:])),
			Kind: symbolKind(kinds[i]),
		})
	}
	return out
}

// symbolKind reads the letter of nm, or st_info where the kernel left it.
func symbolKind(k byte) symbols.Kind {
	switch k {
	case 't', 'T', 'w', 'W':
		return symbols.KindFunc
	case 'd', 'D', 'b', 'B', 'r', 'R':
		return symbols.KindObject
	}
	if k < 0x30 { // STB_LOCAL to STB_WEAK
		switch k & 0xf {
		case 1:
			return symbols.KindObject
		case 2:
			return symbols.KindFunc
		}
	}
	return symbols.KindNoType
}
