package symtest

import (
	"debug/elf"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// decodedFrame matches a frame that the kernel is sure of, in syzbot's layout, and
// a level that was inlined into the frame after it:
//
//	[  178.2][   T84]  pde_write fs/proc/inode.c:330 [inline]
//	[  178.2][   T84]  proc_reg_write+0xe4/0x140 fs/proc/inode.c:342
var (
	decodedFrame  = regexp.MustCompile(`(?:^| |RIP: 0010:)([A-Za-z_][\w.]*)\+0x([0-9a-f]+)/0x([0-9a-f]+)(?: (\S+:\d+))?(?: \[([\w-]+)(?: [0-9a-f]+)?\])?$`)
	decodedInline = regexp.MustCompile(` (\S+:\d+) \[inline\]$`)
	unsureFrame   = regexp.MustCompile(`\? [\w.]+\+0x`)
)

// CompareDecoded compares every reliable frame of text that was decoded in
// syzbot's layout with what llvm-symbolizer says about its address, and gives how
// many there were. modules are files by name; frames of others are left out.
func CompareDecoded(tb testing.TB, vmlinux string, modules map[string]string, text string) int {
	tb.Helper()
	objects := map[string]*reference{"": newReference(tb, vmlinux)}
	for name, path := range modules {
		objects[name] = newReference(tb, linkModule(tb, path))
	}
	compared := 0
	var inlined []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if m := decodedInline.FindStringSubmatch(line); m != nil {
			inlined = append(inlined, m[1])
			continue
		}
		m := decodedFrame.FindStringSubmatch(line)
		if m != nil && !unsureFrame.MatchString(line) && objects[m[5]] != nil {
			chain := inlined
			if m[4] != "" {
				chain = append(chain, m[4])
			}
			exact := strings.Contains(line, "RIP: 0010:") || strings.Contains(line, "WARNING: ") || strings.Contains(line, "hint: ")
			if objects[m[5]].want(line, m[1], number(tb, m[2]), number(tb, m[3]), exact, chain) {
				compared++
			}
		}
		inlined = nil
	}
	for _, o := range objects {
		o.compare(tb)
	}
	return compared
}

func number(tb testing.TB, digits string) uint64 {
	tb.Helper()
	v, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// linkModule places the code of a module's file, for tools that cannot.
func linkModule(tb testing.TB, path string) string {
	tb.Helper()
	f, err := elf.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	addrs := map[string]uint64{}
	at := uint64(0x10000000)
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_EXECINSTR != 0 && s.Size > 0 {
			addrs[s.Name] = at
			at += s.Size + 0x100000
		}
	}
	return Link(tb, path, addrs)
}

// reference knows the symbols of one object, read with the standard library, and
// what was decoded of it.
type reference struct {
	path  string
	named map[string][]uint64
	next  map[uint64]uint64 // distance to the next symbol
	asked []decodedAs
}

type decodedAs struct {
	line  string
	addrs []uint64
	chain []string
}

func newReference(tb testing.TB, path string) *reference {
	tb.Helper()
	f, err := elf.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	syms, err := f.Symbols()
	if err != nil {
		tb.Fatal(err)
	}
	r := &reference{path: path, named: map[string][]uint64{}, next: map[uint64]uint64{}}
	var all []uint64
	for _, s := range syms {
		if s.Section == elf.SHN_UNDEF || s.Section >= elf.SHN_LORESERVE || elf.ST_TYPE(s.Info) == elf.STT_SECTION || s.Name == "" {
			continue
		}
		if f.Sections[s.Section].Flags&elf.SHF_EXECINSTR != 0 && !slices.Contains(r.named[s.Name], s.Value) {
			r.named[s.Name] = append(r.named[s.Name], s.Value)
			all = append(all, s.Value)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for i := range len(all) - 1 {
		r.next[all[i]] = all[i+1] - all[i]
	}
	return r
}

// want notes what a frame was decoded as. Of several symbols of a name the
// distance to the next symbol decides, as the kernel counts sizes. It is false for
// data, into which a kernel jumped.
func (r *reference) want(line, name string, off, size uint64, exact bool, chain []string) bool {
	if !exact {
		off--
	}
	d := decodedAs{line: line, chain: slices.Clone(chain)}
	starts := r.named[name]
	if len(starts) == 0 && len(chain) == 0 {
		return false
	}
	if len(starts) > 1 {
		starts = slices.DeleteFunc(slices.Clone(starts), func(a uint64) bool { return r.next[a] != size })
	}
	for _, a := range starts {
		d.addrs = append(d.addrs, a+off)
	}
	r.asked = append(r.asked, d)
	return true
}

func (r *reference) compare(tb testing.TB) {
	tb.Helper()
	var addrs []uint64
	for _, d := range r.asked {
		addrs = append(addrs, d.addrs...)
	}
	slices.Sort(addrs)
	addrs = slices.Compact(addrs)
	if len(addrs) == 0 {
		return
	}
	answers := map[uint64][]Frame{}
	for i, frames := range LLVM(tb, r.path, addrs) {
		answers[addrs[i]] = frames
	}
	for _, d := range r.asked {
		if len(d.addrs) != 1 {
			tb.Errorf("%s: %d symbols fit the frame\n%s", r.path, len(d.addrs), d.line)
			continue
		}
		if want := answers[d.addrs[0]]; !sameChain(d.chain, want) {
			tb.Errorf("%#x\n%s\ndecoded as %v, llvm-symbolizer says %v", d.addrs[0], d.line, d.chain, want)
		}
	}
}

// sameChain compares file:line of all levels. Paths are compared by their ends:
// ktrap gives them as in the kernel's tree. Line 0 is what compilers say where there
// is none.
func sameChain(have []string, want []Frame) bool {
	want = slices.DeleteFunc(slices.Clone(want), func(f Frame) bool { return f.File == "" || f.Line == 0 })
	return slices.EqualFunc(have, want, func(h string, w Frame) bool {
		place := fmt.Sprintf("%s:%d", w.File, w.Line)
		return h == place || strings.HasSuffix(place, "/"+strings.TrimPrefix(h, "./"))
	})
}
