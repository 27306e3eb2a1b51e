package oops

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// fixture gives the log and the wanted rendering of a file in testdata.
func fixture(t testing.TB, path string) (a *txtar.Archive, log, want []byte) {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Files) != 2 || a.Files[0].Name != "log" || a.Files[1].Name != "want" {
		t.Fatalf("%s: want the files log and want", path)
	}
	return a, a.Files[0].Data, a.Files[1].Data
}

func fixturePaths(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	return paths
}

func TestFixturesParseAsWritten(t *testing.T) {
	for _, path := range fixturePaths(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, log, want := fixture(t, path)
			have := render(Parse(log))
			if have == string(want) {
				return
			}
			if !*update {
				t.Fatalf("have\n%s\nwant\n%s", have, want)
			}
			a.Files[1].Data = []byte(have)
			if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// render shows everything a caller can see of the crashes, a line per fact.
func render(all []Oops) string {
	var b strings.Builder
	for i := range all {
		o := &all[i]
		fmt.Fprintf(&b, "%s: %s\n", o.Class, o.Title)
		for _, alt := range o.AltTitles {
			fmt.Fprintf(&b, "  alt %s\n", alt)
		}
		fmt.Fprintf(&b, "  type %q guilty %q panicked %v corrupted %q\n", o.Type, o.Guilty, o.Panicked, o.CorruptedReason)
		fmt.Fprintf(&b, "  cpu %d pid %d comm %q tainted %q kernel %q\n", o.CPU, o.PID, o.Comm, o.Tainted, o.Kernel)
		for j := range o.Traces {
			renderTrace(&b, &o.Traces[j], j == o.Main)
		}
		for j := range o.Blocks {
			renderBlock(&b, &o.Blocks[j])
		}
	}
	return b.String()
}

func renderTrace(b *strings.Builder, t *Trace, isMain bool) {
	fmt.Fprintf(b, "  trace %s %q main %v\n", t.Kind, t.Title, isMain)
	blocks := t.Blocks
	for i, f := range t.Frames {
		fmt.Fprintf(b, "    %s\n", renderFrame(f))
		for len(blocks) > 0 && blocks[0].At == i {
			renderBlock(b, &blocks[0])
			blocks = blocks[1:]
		}
	}
	for i := range blocks {
		renderBlock(b, &blocks[i])
	}
}

func renderFrame(f Frame) string {
	var s strings.Builder
	if f.Exact {
		s.WriteString("@ ")
	}
	if !f.Reliable {
		s.WriteString("? ")
	}
	fmt.Fprintf(&s, "%s+%#x/%#x", f.Func, f.Off, f.Size)
	for _, part := range []string{f.Module, f.BuildID, f.Context, f.File} {
		if part != "" {
			s.WriteString(" " + part)
		}
	}
	if f.Addr != 0 {
		fmt.Fprintf(&s, " addr %#x", f.Addr)
	}
	return s.String()
}

func renderBlock(b *strings.Builder, r *Block) {
	fmt.Fprintf(b, "      registers user %v rip %s:", r.User, r.RIP.Func)
	for _, reg := range r.Regs {
		fmt.Fprintf(b, " %s=%x", reg.Name, reg.Value)
	}
	fmt.Fprintf(b, " code %d bytes\n", len(strings.Fields(r.Code)))
}
