package types

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ktrap/symbols/symtest"
)

// peersEnv asks for the comparisons that take minutes: `pahole -F dwarf` half a
// one and 3 GB for each kernel, llvm-dwarfdump as long.
const peersEnv = "KTRAP_TEST_PEERS"

// Every struct of a kernel must be laid out as pahole does it: members with
// offset, size and bits, bit and byte holes, padding, and the sums of them.
func TestRealStructsAreLaidOutAsByPahole(t *testing.T) {
	for _, path := range symtest.Vmlinuxes(t) {
		src := openELF(t, path)
		kernel := kernelName(path)
		t.Run(kernel+"/btf", func(t *testing.T) {
			if _, err := src.Section(".BTF"); err != nil {
				t.Skip("SKIPPED, nothing was compared: no BTF in ", path)
			}
			comparePahole(t, New(without{src, ".debug"}), pahole(t, "btf", path), 2500, false)
		})
		t.Run(kernel+"/dwarf", func(t *testing.T) {
			if os.Getenv(peersEnv) == "" {
				t.Skipf("SKIPPED, nothing was compared: set %s to compare DWARF with pahole", peersEnv)
			}
			if _, err := src.Section(".debug_info"); err != nil {
				t.Skip("SKIPPED, nothing was compared: no DWARF in ", path)
			}
			comparePahole(t, New(without{src, ".BTF"}), pahole(t, "dwarf", path), 2500, true)
		})
	}
}

// The BTF of a module builds upon that of the kernel beside it.
func TestRealModulesHaveSplitBTFAsPaholeReadsIt(t *testing.T) {
	kernels := map[string]paholeStructs{}
	for _, path := range symtest.Modules(t) {
		src := openELF(t, path)
		vmlinux := filepath.Join(filepath.Dir(filepath.Dir(path)), "vmlinux")
		if _, err := src.Section(".BTF"); err != nil {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			if _, err := os.Stat(vmlinux); err != nil {
				t.Skip("SKIPPED, nothing was compared: unpacked for gdb, without its kernel beside it")
			}
			kernel := openELF(t, vmlinux)
			all := pahole(t, "btf", path, "--btf_base", vmlinux)
			if _, ok := kernels[vmlinux]; !ok {
				kernels[vmlinux] = pahole(t, "btf", vmlinux)
			}
			for name := range kernels[vmlinux].raw {
				delete(all.raw, name)
			}
			comparePahole(t, NewModule(without{src, ".debug"}, New(without{kernel, ".debug"})), all, 1<<30, false)
		})
	}
}

// What compilers make of bit fields, packing, alignment and nesting.
func TestCompiledStructsAreLaidOutAsByPahole(t *testing.T) {
	for _, cc := range []string{"gcc", "clang"} {
		for _, version := range []string{"4", "5"} {
			t.Run(cc+"-dwarf-"+version, func(t *testing.T) {
				program := compile(t, cc, version, "testdata/layouts.c")
				comparePahole(t, New(openELF(t, program)), pahole(t, "dwarf", program), 1<<30, true)
				if text, err := exec.CommandContext(t.Context(), "pahole", "-J", program).CombinedOutput(); err != nil {
					t.Fatalf("make BTF: %v\n%s", err, text)
				}
				comparePahole(t, New(without{openELF(t, program), ".debug"}), pahole(t, "btf", program), 1<<30, false)
			})
		}
	}
}

// comparePahole compares a random choice of structs.
func comparePahole(t *testing.T, info *Info, all paholeStructs, count int, dwarf bool) {
	names := slices.Sorted(maps.Keys(all.raw))
	r := rand.New(rand.NewPCG(3, 7))
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	names = names[:min(count, len(names))]
	bad, members := 0, 0
	for _, name := range names {
		typ, err := info.TypeByName(name)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		o, err := info.Outline(typ, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := o.asPahole(dwarf)
		members += o.Sum.Members
		// Files may define different structs of one name.
		want := all.forms(name)
		if slices.Contains(want, got) {
			continue
		}
		if bad++; bad <= 10 {
			t.Errorf("%s:\n--- ktrap\n%s--- pahole\n%s", name, got, strings.Join(want, "--- or\n"))
		}
	}
	t.Logf("%d structs and unions with %d direct members compared, %d differ", len(names), members, bad)
	if bad > 0 || len(names) == 0 || count < 1<<30 && len(names) < count {
		t.Errorf("%d of %d differ", bad, len(names))
	}
}

// asPahole writes an outline in the form that paholeText is brought into.
func (o *Outline) asPahole(dwarf bool) string {
	var b strings.Builder
	for _, r := range o.Rows {
		align := ""
		if dwarf && r.Align > 0 {
			align = fmt.Sprintf(" align %d", r.Align)
		}
		switch r.Kind {
		case RowMember, RowClose:
			fmt.Fprintf(&b, "%d: %s @%d:%d size %d%s\n", r.Depth, squeeze(r.Decl), r.Off, r.BitOff, r.Size, align)
		case RowHole:
			fmt.Fprintf(&b, "%d: hole %d bytes\n", r.Depth, r.Size)
		case RowBitHole:
			fmt.Fprintf(&b, "%d: hole %d bits\n", r.Depth, r.BitSize)
		case RowOpen:
			fmt.Fprintf(&b, "%d: %s\n", r.Depth, squeeze(r.Decl))
		}
	}
	if o.Kind == "union" {
		return b.String() // pahole writes no sums of unions
	}
	s := o.Sum
	fmt.Fprintf(&b, "size %d members %d holes %d %d bits %d %d padding %d %d\n",
		o.Size, s.Members, s.Holes, s.HoleBytes, s.BitHoles, s.HoleBits, s.Padding, s.PaddingBits)
	return b.String()
}

// squeeze takes out what pahole and ktrap write differently: white space, the
// members of unnamed enums, and qualifiers, of which pahole doubles some and
// puts those of pointers in front. It calls a flexible array [0] if it is not
// the last member of all, a pointer to an array one to its elements, and puts the
// size of an array of pointers to functions last.
func squeeze(s string) string {
	s = strings.Join(strings.Fields(s), "")
	for _, r := range []string{"const", "volatile", "restrict", "__attribute__((__packed__))"} {
		s = strings.ReplaceAll(s, r, "")
	}
	s = pointerToArray.ReplaceAllString(alignment.ReplaceAllString(s, ""), "$1")
	s = arrayOfFunctions.ReplaceAllString(s, "($1)$3$2")
	return strings.NewReplacer("enum{...}", "enum{}", "[]", "[0]").Replace(s)
}

// paholeStructs are the structs of a file as pahole writes them, by name: the lines
// of each definition. To understand all of a kernel's takes ten times as long as
// to compare those that are.
type paholeStructs struct {
	dwarf bool
	raw   map[string][][]string
}

// forms gives the definitions of a name, each in the form of asPahole.
func (s paholeStructs) forms(name string) (list []string) {
	for _, lines := range s.raw[name] {
		p := paholeParser{dwarf: s.dwarf}
		list = append(list, p.form(name, lines))
	}
	return list
}

// pahole runs pahole over a file.
func pahole(t *testing.T, format, path string, more ...string) paholeStructs {
	t.Helper()
	tool, err := exec.LookPath("pahole")
	if err != nil {
		t.Skip("SKIPPED, nothing was compared: pahole is not installed (package dwarves)")
	}
	out, err := exec.CommandContext(t.Context(), tool, append(more, "-F", format, path)...).Output()
	if err != nil {
		t.Fatalf("run pahole: %v", err)
	}
	all := paholeStructs{format == "dwarf", make(map[string][][]string)}
	lines := strings.Split(string(out), "\n")
	for n := 0; n < len(lines); n++ {
		if m := headOf(lines[n]); m != "" {
			end := n + 1 + slices.IndexFunc(lines[n+1:], func(l string) bool { return strings.HasPrefix(l, "}") })
			all.raw[m] = append(all.raw[m], lines[n+1:end])
			n = end
		}
	}
	return all
}

// headOf gives the name of a struct or union that a line begins, "" for none.
func headOf(line string) string {
	name, ok := strings.CutSuffix(line, " {")
	if kind, tag, two := strings.Cut(name, " "); ok && two && (kind == "struct" || kind == "union") && !strings.Contains(tag, " ") {
		return name
	}
	return ""
}

// paholeParser reads pahole's text.
type paholeParser struct {
	dwarf  bool
	b      strings.Builder
	sum    map[string]int
	opened []int // where the text of unnamed structs begins
	enum   bool
}

var (
	alignment      = regexp.MustCompile(`__attribute__\(\(__aligned__\((\d+)\)\)\)`)
	pointerToArray = regexp.MustCompile(`\((\*\w+)\)(\[\d*\])+$`)

	arrayOfFunctions = regexp.MustCompile(`\((\*\w+)(\[\d+\])\)(\(.*\))$`)

	paholeMember = regexp.MustCompile(`^(.*?); +/\* +(\d+)(?:: ?(\d+))? +(\d+) \*/$`)
	paholeOpen   = regexp.MustCompile(`^(?:const |volatile )*(struct|union|enum)( \w+)? \{$`)
	paholeHole   = regexp.MustCompile(`^/\* XXX (\d+) (byte|bit)s? hole, try to pack \*/$`)
	paholeSum    = regexp.MustCompile(`(sum members|sum bitfield members|size|members|sum holes|sum bit holes|bit holes|holes|bit_padding|padding): (\d+)`)
)

// form reads the lines of one struct.
func (p *paholeParser) form(name string, lines []string) string {
	p.sum = make(map[string]int)
	for _, l := range lines {
		p.line(strings.TrimSpace(l))
	}
	if strings.HasPrefix(name, "union") {
		return p.b.String()
	}
	s := p.sum
	fmt.Fprintf(&p.b, "size %d members %d holes %d %d bits %d %d padding %d %d\n", s["size"], s["members"],
		s["holes"], s["sum holes"], s["bit holes"], s["sum bit holes"], s["padding"], s["bit_padding"])
	return p.b.String()
}

func (p *paholeParser) line(s string) {
	if s == "};" && len(p.opened) > 0 { // clang nests types, pahole writes them once more
		var unused string
		p.close(&unused)
		return
	}
	if m := paholeMember.FindStringSubmatch(s); m != nil {
		p.member(m)
		return
	}
	if m := paholeOpen.FindStringSubmatch(s); m != nil {
		if p.enum = m[1] == "enum"; !p.enum {
			p.opened = append(p.opened, p.b.Len())
			fmt.Fprintf(&p.b, "%d: %s\n", len(p.opened)-1, squeeze(s))
		}
		return
	}
	if m := paholeHole.FindStringSubmatch(s); m != nil {
		fmt.Fprintf(&p.b, "%d: hole %s %ss\n", len(p.opened), m[1], m[2])
		return
	}
	if strings.HasPrefix(s, "/* size:") || strings.HasPrefix(s, "/* sum ") || strings.HasPrefix(s, "/* padding:") || strings.HasPrefix(s, "/* bit_padding:") {
		for _, m := range paholeSum.FindAllStringSubmatch(s, -1) {
			p.sum[m[1]], _ = strconv.Atoi(m[2])
		}
	}
}

func (p *paholeParser) member(m []string) {
	decl := squeeze(m[1])
	if strings.HasPrefix(decl, "}") {
		switch {
		case p.enum:
			decl = "enum{" + decl
		case strings.HasPrefix(decl, "}*"): // ktrap leaves alone what pointers lead to
			p.close(&decl)
		default:
			p.opened = p.opened[:len(p.opened)-1]
		}
		p.enum = false
	}
	bit := m[3]
	if bit == "" {
		bit = "0"
	}
	align := ""
	if a := alignment.FindStringSubmatch(m[1]); p.dwarf && a != nil {
		align = " align " + a[1]
	}
	fmt.Fprintf(&p.b, "%d: %s @%s:%s size %s%s\n", len(p.opened), decl, m[2], bit, m[4], align)
}

// close drops the members of the innermost unnamed struct.
func (p *paholeParser) close(decl *string) {
	last := len(p.opened) - 1
	text := p.b.String()
	head := strings.TrimSuffix(strings.SplitN(strings.SplitN(text[p.opened[last]:], ": ", 2)[1], "\n", 2)[0], "{")
	*decl = head + "{...}" + strings.TrimPrefix(*decl, "}")
	p.b.Reset()
	p.b.WriteString(text[:p.opened[last]])
	p.opened = p.opened[:last]
}
