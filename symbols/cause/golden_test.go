package cause

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"ktrap/symbols/oops"
)

var update = flag.Bool("update", false, "write what the tests give into the golden files")

// goldenFiles are archives of a log that a real kernel printed, and of what is
// made of it.
func goldenFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("find golden files: %v, %d found", err, len(files))
	}
	return files
}

func logOf(t testing.TB, path string) (*txtar.Archive, *oops.Oops) {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Files) != 2 || a.Files[0].Name != "log" || a.Files[1].Name != "want" {
		t.Fatalf("%s: want the files log and want", path)
	}
	found := oops.Parse(a.Files[0].Data)
	if len(found) == 0 {
		t.Fatalf("%s: no crash", path)
	}
	return a, &found[0]
}

func TestRealOopsesAreExplained(t *testing.T) {
	for _, path := range goldenFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, o := logOf(t, path)
			have := "none\n"
			if c, ok := FromOops(o, nil); ok {
				have = render(&c)
			}
			if want := string(a.Files[1].Data); have == want {
				return
			} else if !*update {
				t.Fatalf("have:\n%s\nwant:\n%s", have, want)
			}
			a.Files[1].Data = []byte(have)
			if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// render shows all of a cause.
func render(c *Cause) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cause:   %s\n", c.Text)
	if a := c.Access; a != nil {
		fmt.Fprintf(&b, "access:  %s, %d bytes, %s = %#x", a.Op, a.Size, a.Expr, a.Addr)
		if a.Verdict != None {
			fmt.Fprintf(&b, ", %s%+d", a.Verdict, a.Offset)
		}
		b.WriteByte('\n')
	}
	for _, in := range c.Listing {
		mark := "  "
		if in.Marked {
			mark = "=>"
		}
		fmt.Fprintf(&b, "%s %#x\t%s", mark, uint64(in.Addr), in.Text)
		if in.Marked {
			for _, o := range c.Operands {
				b.WriteString("  " + o.String())
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
