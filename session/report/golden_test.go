package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"

	"ktrap/session/vm"
)

var update = flag.Bool("update", false, "write what the tests print into the golden files")

// TestGolden prints the report.json of each archive as text and as a summary,
// with the options of options.json if there is one.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("find golden files: %v, %d found", err, len(files))
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			checkGolden(t, path)
		})
	}
}

func checkGolden(t *testing.T, path string) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, options := load(t, a)
	var text, summary bytes.Buffer
	if err := Text(&text, r, options); err != nil {
		t.Fatal(err)
	}
	if err := Summary(&summary, r, options); err != nil {
		t.Fatal(err)
	}
	have := map[string]string{"text": escape(text.String()), "summary": escape(summary.String())}
	for i, f := range a.Files {
		if want, ok := have[f.Name]; ok && want != string(f.Data) {
			if !*update {
				t.Errorf("%s of %s differs, -update if this is right:\n%s", f.Name, path, firstDifference(want, string(f.Data)))
			}
			a.Files[i].Data = []byte(want)
		}
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checkPrinted(t, text.String(), options)
}

func load(t *testing.T, a *txtar.Archive) (*Report, *TextOptions) {
	r := new(Report)
	var options *TextOptions
	for _, f := range a.Files {
		var err error
		switch f.Name {
		case "report.json":
			err = json.Unmarshal(f.Data, r)
		case "session.json":
			err = json.Unmarshal(f.Data, &r.Session)
		case "options.json":
			options = new(TextOptions)
			err = json.Unmarshal(f.Data, options)
		}
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
	}
	return r, options
}

// checkPrinted checks what holds for any text: no trailing blanks, nothing that a
// terminal obeys unless colour was asked for.
func checkPrinted(t *testing.T, text string, o *TextOptions) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Error("text is not UTF-8")
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.TrimRight(line, " ") != line {
			t.Errorf("blanks at the end of %q", line)
		}
		if (o == nil || !o.Color) && vm.PrintableLine(line) != line {
			t.Errorf("line %q is not clean", line)
		}
	}
}

// escape makes colours visible in golden files.
func escape(s string) string { return strings.ReplaceAll(s, "\x1b", "ESC") }

func firstDifference(have, want string) string {
	h, w := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := range min(len(h), len(w)) {
		if h[i] != w[i] {
			return "have " + h[i] + "\nwant " + w[i]
		}
	}
	return "one is longer:\n" + have
}
