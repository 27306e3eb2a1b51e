package cfi_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ktrap/symbols/cfi"
	"ktrap/symbols/elffile"
)

// A second opinion on every row of a whole kernel: readelf -wF prints them all.
// The kernel is the first that KTRAP_TEST_VMLINUX names.
func TestRowsOfAKernelAreThoseReadelfPrints(t *testing.T) {
	kernels := filepath.SplitList(os.Getenv("KTRAP_TEST_VMLINUX"))
	if len(kernels) == 0 {
		t.Skip("SKIPPED: KTRAP_TEST_VMLINUX names no vmlinux")
	}
	path := kernels[0]
	f, err := elffile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	section, err := f.Section(".debug_frame")
	if err != nil {
		t.Fatal(err)
	}
	d := cfi.NewDebugFrame(section)
	cmd := exec.CommandContext(t.Context(), "readelf", "-wF", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	rows, fdes, inFDE := 0, 0, false
	var columns []string
	for s := bufio.NewScanner(out); s.Scan(); {
		field := strings.Fields(s.Text())
		switch {
		case len(field) == 0:
		case strings.Contains(s.Text(), " CIE "):
			inFDE = false
		case strings.Contains(s.Text(), " FDE "):
			inFDE = true
			fdes++
		case field[0] == "LOC":
			columns = field[1:]
		case inFDE && len(field) == len(columns)+1:
			rows++
			compareRow(t, d, field, columns)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Logf("readelf: %v", err)
	}
	t.Logf("%d rows in %d FDEs, %d functions", rows, fdes, d.Len())
	if rows < 1000 || fdes < d.Len() {
		t.Errorf("readelf printed %d rows and %d FDEs, the table has %d", rows, fdes, d.Len())
	}
}

func compareRow(t *testing.T, d *cfi.DebugFrame, field, columns []string) {
	t.Helper()
	pc, err := strconv.ParseUint(field[0], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	row, ok := d.Row(pc)
	if !ok {
		t.Errorf("%#x: no row", pc)
		return
	}
	for i, want := range field[1:] {
		got := ""
		switch name := columns[i]; name {
		case "CFA":
			got = spellCFA(row.CFA)
		case "ra":
			got = spellRule(row.Rules[cfi.RIP])
		default:
			r, ok := cfi.RegByName(name)
			if !ok {
				continue
			}
			got = spellRule(row.Rules[r])
		}
		if got != want {
			t.Errorf("%#x: %s is %s, readelf says %s", pc, columns[i], got, want)
		}
	}
}

func spellCFA(c cfi.CFARule) string {
	if c.Expr != nil {
		return "exp"
	}
	return fmt.Sprintf("%v%+d", c.Reg, c.Off)
}

// spellRule spells as readelf does; it knows nothing of the ABI and says u for
// the registers that are preserved when nothing is said about them.
func spellRule(r cfi.Rule) string {
	switch r.Kind {
	case cfi.AtCFA:
		return fmt.Sprintf("c%+d", r.Off)
	case cfi.IsCFA:
		return fmt.Sprintf("v%+d", r.Off)
	case cfi.AtExpr:
		return "exp"
	case cfi.IsExpr:
		return "vexp"
	case cfi.InReg:
		return r.Reg.String()
	}
	return "u"
}
