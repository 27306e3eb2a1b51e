package symbols

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"ktrap/symbols/addr"
)

// Kallsyms is the symbol table of a running kernel: /proc/kallsyms as text, or
// read from guest memory by [DecodeKallsyms]. It names code when there is no file,
// and tells where a file's code runs.
type Kallsyms struct {
	// Modules in order of appearance; the kernel itself, with the name "", first.
	modules []*Module
	byName  map[string]*Module
}

// maxKallsyms bounds the symbols of a table; a distribution's kernel with all its
// usual modules has 250,000.
const maxKallsyms = 4 << 20

var (
	// ErrNoKallsyms says that a text is no symbol table of a kernel.
	ErrNoKallsyms = errors.New("not in the form of /proc/kallsyms")
	errHidden     = errors.New("all addresses are 0: read it as root, with kernel.kptr_restrict below 2")
)

// ReadKallsyms reads the text of /proc/kallsyms, or of System.map.
// Shape of a line: ffffffffc0400010 t ext4_read_inode	[ext4]
// Errors: wraps ErrNoKallsyms; says what to do when the addresses were hidden.
func ReadKallsyms(r io.Reader) (*Kallsyms, error) {
	k := &Kallsyms{byName: map[string]*Module{}}
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 64<<10), 1<<20)
	count, shown := 0, false
	for sc.Scan() {
		a, s, module, ok := parseKallsyms(sc.Bytes())
		if count++; !ok || count > maxKallsyms {
			return nil, fmt.Errorf("line %d, %.80q: %w", count, sc.Text(), ErrNoKallsyms)
		}
		s.Addr = a
		shown = shown || a != 0
		m := k.module(module)
		m.Syms = append(m.Syms, s)
	}
	switch {
	case sc.Err() != nil:
		return nil, sc.Err()
	case count == 0:
		return nil, fmt.Errorf("empty: %w", ErrNoKallsyms)
	case !shown:
		return nil, errHidden
	}
	k.complete()
	return k, nil
}

func parseKallsyms(line []byte) (a addr.Addr, s GuestSymbol, module string, ok bool) {
	fields := bytes.Fields(line)
	if len(fields) < 3 || len(fields) > 4 || len(fields[1]) != 1 {
		return 0, s, "", false
	}
	v, err := strconv.ParseUint(string(fields[0]), 16, 64)
	if len(fields) == 4 {
		module = string(bytes.Trim(fields[3], "[]"))
	}
	return addr.Addr(v), GuestSymbol{Name: string(fields[2]), Kind: kindOfLetter(fields[1][0])}, module, err == nil
}

// kindOfLetter reads the type letters of nm.
func kindOfLetter(c byte) Kind {
	switch c | 0x20 {
	case 't', 'w':
		return KindFunc
	case 'd', 'b', 'r', 'v':
		return KindObject
	}
	return KindNoType
}

func (k *Kallsyms) module(name string) *Module {
	m := k.byName[name]
	if m == nil {
		m = &Module{Name: name}
		k.byName[name] = m
		k.modules = append(k.modules, m)
	}
	return m
}

// complete works out where the code of each module lies. The kernel's own text
// has labels at its ends; of a module only the first and the last function are
// known, so its last page is taken to be full.
func (k *Kallsyms) complete() {
	for _, m := range k.modules {
		slices.SortStableFunc(m.Syms, func(a, b GuestSymbol) int { return cmp.Compare(a.Addr, b.Addr) })
		if m.Name == "" {
			m.Text = kernelText(m.Syms)
			continue
		}
		m.Text = moduleText(m.Syms)
	}
}

func kernelText(syms []GuestSymbol) []Range {
	at := map[string]addr.Addr{}
	for _, s := range syms {
		switch s.Name {
		case "_stext", "_etext", "_sinittext", "_einittext", "_text":
			at[s.Name] = s.Addr
		}
	}
	var list []Range
	if start := cmp.Or(at["_text"], at["_stext"]); start < at["_etext"] {
		list = append(list, Range{start, at["_etext"]})
	}
	if at["_sinittext"] < at["_einittext"] {
		list = append(list, Range{at["_sinittext"], at["_einittext"]})
	}
	return list
}

const pageSize = 4096

// maxTextGap is the distance between functions from which they are taken to lie
// in different pieces of memory: a module's init code is apart from the rest.
const maxTextGap = 1 << 20

func moduleText(syms []GuestSymbol) []Range {
	var list []Range
	for _, s := range syms {
		if s.Kind != KindFunc || !s.Addr.Kernel() {
			continue
		}
		start := s.Addr &^ (pageSize - 1)
		if n := len(list) - 1; n >= 0 && s.Addr < list[n].End+maxTextGap {
			list[n].End = max(list[n].End, start+pageSize)
		} else {
			list = append(list, Range{start, start + pageSize})
		}
	}
	return list
}

// Loaded lists the modules of the table, without files.
func (k *Kallsyms) Loaded() []*Module {
	return slices.DeleteFunc(slices.Clone(k.modules), func(m *Module) bool { return m.Name == "" })
}

// Kernel gives the symbols of the kernel proper as a module without a name: what
// answers when there is no vmlinux. nil when the table has none.
func (k *Kallsyms) Kernel() *Module { return k.byName[""] }

// Slide gives what KASLR added to vmlinux. A second symbol must agree, else the
// table is of another kernel.
func (k *Kallsyms) Slide(vmlinux *Image) (addr.Slide, error) {
	kernel := k.Kernel()
	if kernel == nil {
		return 0, fmt.Errorf("the table has modules only: %w", ErrNoKallsyms)
	}
	var slides []addr.Slide
	for _, name := range []string{"_text", "_stext", "_etext", "linux_banner"} {
		sym, ok := vmlinux.Symbol(name)
		i := slices.IndexFunc(kernel.Syms, func(s GuestSymbol) bool { return s.Name == name })
		if ok && i >= 0 {
			slides = append(slides, addr.Slide(uint64(kernel.Syms[i].Addr)-uint64(sym.Addr)))
		}
	}
	switch {
	case len(slides) == 0:
		return 0, fmt.Errorf("find _stext in the table: %w", ErrNoKallsyms)
	case slices.Min(slides) != slices.Max(slides):
		return 0, fmt.Errorf("%s is not the kernel of this symbol table: its code has another size", vmlinux.Path())
	}
	return slides[0], nil
}
