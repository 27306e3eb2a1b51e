package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Rows of the register grid; what a set does not have is left out, and so are
// registers that no row names: they are in report.json.
var (
	generalRegisters = []string{
		"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	}
	baseRegisters    = []string{"fs_base", "gs_base", "k_gs_base"}
	controlRegisters = []string{"cr0", "cr2", "cr3", "cr4"}
	segmentRegisters = []string{"cs", "ss", "ds", "es", "fs", "gs"}
)

// flagNames are bits of rflags that mean something to kernel people.
// Source: Intel SDM volume 1, figure 3-8.
var flagNames = []struct {
	bit  uint64
	name string
}{
	{1 << 0, "CF"}, {1 << 2, "PF"}, {1 << 4, "AF"}, {1 << 6, "ZF"}, {1 << 7, "SF"}, {1 << 8, "TF"},
	{1 << 9, "IF"}, {1 << 10, "DF"}, {1 << 11, "OF"}, {1 << 14, "NT"}, {1 << 16, "RF"}, {1 << 18, "AC"},
}

// registers prints a grid as wide as fits.
func (p *printer) registers(rs Registers) {
	if len(rs) == 0 {
		return
	}
	p.section("Registers")
	p.cells(cellsOf(rs, []string{"rip", "eflags", "orig_rax"}, 3))
	p.cells(cellsOf(rs, generalRegisters, 3))
	p.cells(cellsOf(rs, segmentRegisters, 2))
	p.cells(cellsOf(rs, baseRegisters, 0))
	p.cells(cellsOf(rs, controlRegisters, 3))
}

// cellsOf gives name and value of the registers that are there.
func cellsOf(rs Registers, names []string, nameWidth int) [][2]span {
	var out [][2]span
	for _, name := range names {
		for _, r := range rs {
			if r.Name == name {
				out = append(out, [2]span{label.of(name).padded(nameWidth), plain.of(short(&r))})
			}
		}
	}
	return out
}

// short is the value without 0x, in the digits the register has.
func short(r *Register) string {
	v, err := strconv.ParseUint(r.Value, 0, 64)
	switch {
	case r.Value == "":
		return "unknown"
	case err != nil:
		return r.Value
	case r.Name == "eflags":
		return fmt.Sprintf("%08x %s", v, flags(v))
	case len(r.Name) == 2 && r.Name[1] == 's':
		return fmt.Sprintf("%04x", v)
	}
	return fmt.Sprintf("%016x", v)
}

func flags(v uint64) string {
	var names []string
	for _, f := range flagNames {
		if v&f.bit != 0 {
			names = append(names, f.name)
		}
	}
	return "[" + strings.Join(names, " ") + "]"
}

// cells prints pairs of name and value: side by side if they fit on one line,
// else in columns, with the same number of them on every line.
func (p *printer) cells(cells [][2]span) {
	width, all := 0, 0
	for _, c := range cells {
		n := c[0].width() + 1 + c[1].width() + len(gap)
		width, all = max(width, n), all+n
	}
	perLine := len(cells)
	if all > p.width {
		for perLine > 1 && (perLine*width > p.width || len(cells)%perLine != 0) {
			perLine--
		}
	} else {
		width = 0
	}
	for line := range slices.Chunk(cells, max(1, perLine)) {
		spans := []span{plain.of("  ")}
		for _, c := range line {
			value := plain.of(" " + c[1].text + gap)
			spans = append(spans, c[0], value.padded(width-c[0].width()))
		}
		p.line(spans...)
	}
}
