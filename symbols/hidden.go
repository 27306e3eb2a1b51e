package symbols

import (
	"bytes"
	"cmp"
	"slices"

	"ktrap/symbols/elffile"
)

// unnamed tells the names that the kernel passes over when it looks an address
// up in a module: labels of the compiler and the mapping symbols of arm64 and
// riscv ($x, $d).
// Source: linux v6.1 kernel/module/kallsyms.c find_kallsyms_symbol.
func unnamed[T string | []byte](name T) bool {
	return len(name) == 0 || name[0] == '$' ||
		name[0] == '.' && len(name) > 1 && name[1] == 'L' || name[0] == 'L' && len(name) > 2 && name[1] == '0' && name[2] == 1
}

// hides tells the symbols of vmlinux that kallsyms leaves out. __pfx_ symbols,
// the padding before a function since 6.2, are not among them.
// Source: linux v6.1 scripts/kallsyms.c is_ignored_symbol, v6.12 scripts/mksysmap.
func hides(name []byte) bool {
	if name[0] != '_' {
		return bytes.HasPrefix(name, kallsymsOwn) && slices.Contains(kallsymsTables, string(name[len(kallsymsOwn):]))
	}
	for _, p := range hiddenPrefixes {
		if bytes.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

var hiddenPrefixes = [][]byte{
	[]byte("__crc_"), []byte("__efistub_"), []byte("__kcfi_typeid_"), []byte("__kstrtab_"), []byte("__kstrtabns_"),
	[]byte("__pi_.L"), []byte("__pi_$"),
}

// kallsymsOwn begins the symbols of the kernel's table itself.
var kallsymsOwn = []byte("kallsyms_")

var kallsymsTables = []string{
	"offsets", "relative_base", "num_syms", "names", "markers", "token_table", "token_index", "seqs_of_names",
}

// compareAliases orders symbols at one address: strong before weak, others
// before linker script symbols, fewer underscores first, then by name (nm's order).
// Source: linux v6.1 scripts/kallsyms.c compare_symbols.
func compareAliases(a, b alias) int {
	return cmp.Or(
		compareBool(a.weak, b.weak),
		compareBool(linkerProvided(a.name), linkerProvided(b.name)),
		cmp.Compare(underscores(a.name), underscores(b.name)),
		bytes.Compare(a.name, b.name),
		cmp.Compare(a.n, b.n),
	)
}

// alias is one of several symbols at an address.
type alias struct {
	n    int32
	name []byte
	weak bool
}

func newAlias(syms *elffile.SymbolTable, n int32) alias {
	return alias{n, syms.Name(int(n)), syms.Weak(int(n))}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func linkerProvided(name []byte) bool {
	return len(name) >= 8 && (bytes.HasPrefix(name, []byte("__start_")) || bytes.HasPrefix(name, []byte("__stop_")) ||
		bytes.HasPrefix(name, []byte("__end_")) || bytes.HasSuffix(name, []byte("_start")) || bytes.HasSuffix(name, []byte("_end")))
}

func underscores(name []byte) int { return len(name) - len(bytes.TrimLeft(name, "_")) }
