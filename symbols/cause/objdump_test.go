package cause

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestListingsOfRealOopsesAreObjdumps disassembles what is behind the mark of
// each golden log with both: there the two are in step.
func TestListingsOfRealOopsesAreObjdumps(t *testing.T) {
	objdump, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("objdump is not installed")
	}
	total := 0
	for _, path := range goldenFiles(t) {
		_, o := logOf(t, path)
		c, ok := FromOops(o, nil)
		if !ok || filepath.Base(path) == "jump-to-data.txtar" {
			continue // data in place of code: each skips no instructions in its own way
		}
		var code []byte
		var have []string
		for _, in := range c.Listing {
			if (in.Marked || len(code) > 0) && !in.Bad {
				code = append(code, in.Bytes...)
				text, _, _ := strings.Cut(in.Text, "<")
				if in.Target != 0 {
					text = strings.Fields(text)[0] // the target is not the file's
				}
				have = append(have, strings.Join(strings.Fields(text), " "))
			}
		}
		if len(code) == 0 {
			continue
		}
		want := objdumpOf(t, objdump, code)
		for i := range have {
			if total++; i >= len(want) || want[i] != have[i] && !strings.HasPrefix(want[i], have[i]+" ") {
				t.Errorf("%s: have %q\nwant %q", path, have, want)
				break
			}
		}
	}
	if total < 100 {
		t.Errorf("only %d instructions were compared", total)
	}
}

// objdumpOf is objdump's listing of bytes, without comments.
func objdumpOf(t *testing.T, objdump string, code []byte) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(file, code, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), objdump, "-D", "-w", "-b", "binary", "-m", "i386:x86-64", file).Output()
	if err != nil {
		t.Fatalf("run objdump: %v", err)
	}
	var list []string
	for line := range bytes.Lines(out) {
		f := strings.Split(strings.TrimSpace(string(line)), "\t")
		if len(f) != 3 {
			continue
		}
		text, _, _ := strings.Cut(f[2], "#")
		list = append(list, strings.Join(strings.Fields(text), " "))
	}
	return list
}
