package oops

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpusDir finds the corpus of real logs: $KTRAP_CORPUS, else beside the project.
func corpusDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("KTRAP_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("NO CORPUS, NOTHING SCORED: %s is not there; set KTRAP_CORPUS to a folder with console/ and guest/", dir)
	}
	return dir
}

// corpusFile is a log with what is asserted about it.
type corpusFile struct {
	name    string
	headers map[string][]string
	log     []byte
	report  []byte // the exact report text; nil if it is not given
}

func readCorpusFile(path string, raw []byte) corpusFile {
	f := corpusFile{name: filepath.Base(path), headers: map[string][]string{}}
	text := bytes.ReplaceAll(raw, []byte{'\r'}, nil)
	for {
		line, rest, ok := bytes.Cut(text, []byte{'\n'})
		text = rest
		if len(line) == 0 || !ok {
			break
		}
		if key, value, ok := strings.Cut(string(line), ": "); ok && line[0] != '#' {
			f.headers[key] = append(f.headers[key], value)
		}
	}
	slices.Sort(f.headers["ALT"])
	f.log, f.report, _ = bytes.Cut(text, []byte("\n\nREPORT:\n"))
	return f
}

// corpusFiles gives all console logs of the corpus.
func corpusFiles(t *testing.T) []corpusFile {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(corpusDir(t), "console", "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no console logs in the corpus: %v", err)
	}
	var files []corpusFile
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, readCorpusFile(path, raw))
	}
	return files
}

// want gives what is asserted, in the keys of the scores.
func (f *corpusFile) want() map[string]string {
	m := map[string]string{"REPORT": string(f.report), "ALT": strings.Join(f.headers["ALT"], "|")}
	for _, key := range []string{"TITLE", "TYPE", "CORRUPTED", "SUPPRESSED", "PANICKED", "FRAME", "EXECUTOR"} {
		if v := f.headers[key]; len(v) > 0 {
			m[key] = v[0]
		}
	}
	m["CRASH"] = map[bool]string{true: "Y"}[m["TITLE"] != ""]
	m["ANY TITLE"] = "Y"
	return m
}

// asserts says whether the file says something about a score.
func (f *corpusFile) asserts(key string, want map[string]string) bool {
	switch key {
	case "CRASH":
		return true
	case "FRAME", "REPORT":
		return want[key] != ""
	}
	return want["CRASH"] != ""
}

// isX86 says whether the log shows registers or entry code of x86-64.
func (f *corpusFile) isX86() bool {
	return slices.ContainsFunc([]string{"RIP: ", " RAX: ", "entry_SYSCALL_64", "x86_64"}, func(s string) bool { return bytes.Contains(f.log, []byte(s)) })
}

// have renders the first crash of a log in the keys of the scores.
func (f *corpusFile) have() (m map[string]string, why string) {
	all := newsOf(f.log)
	if len(all) == 0 {
		return map[string]string{}, ""
	}
	o := &all[0]
	yes := map[bool]string{true: "Y"}
	m = map[string]string{
		"CRASH": "Y", "TITLE": o.Title, "TYPE": o.Type, "CORRUPTED": yes[o.Corrupted], "SUPPRESSED": yes[o.Suppressed], "PANICKED": yes[o.Panicked],
		"ALT": strings.Join(o.AltTitles, "|"), "FRAME": o.Guilty, "REPORT": string(o.ReportText),
	}
	titles := append([]string{o.Title}, o.AltTitles...)
	m["ANY TITLE"] = yes[slices.ContainsFunc(f.headers["TITLE"], func(s string) bool { return slices.Contains(titles, s) })]
	if e := o.Executor; e != nil {
		m["EXECUTOR"] = fmt.Sprintf("proc=%d, id=%d", e.Proc, e.ID)
	}
	return m, o.CorruptedReason
}

// newsOf gives the crashes that the corpus counts as such.
func newsOf(log []byte) []Oops {
	return slices.DeleteFunc(Parse(log), func(o Oops) bool { return o.Minor })
}

// score counts over a set of files.
type score struct {
	right, total map[string]int
	hit          map[string]int // right and asserted to be so
	said         map[string]int // given by us
	asserted     map[string]int
}

func newScore() *score {
	return &score{map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}}
}

func (s *score) count(key, have, want string) {
	s.total[key]++
	if have == want {
		s.right[key]++
	}
	if have == "Y" {
		s.said[key]++
	}
	if want == "Y" {
		s.asserted[key]++
	}
	if have == "Y" && want == "Y" {
		s.hit[key]++
	}
}

// percent of nothing is all of it.
func percent(part, whole int) float64 {
	if whole == 0 {
		return 100
	}
	return 100 * float64(part) / float64(whole)
}

// scoreRows are the scores in the order they are printed, each with the share of
// the corpus below which the test fails, in percent.
var scoreRows = []struct {
	key, name string
	floor     float64
}{
	{"CRASH", "crash or no crash", 100},
	{"TITLE", "title exact", 100},
	{"ANY TITLE", "title or alternative", 100},
	{"ALT", "set of alternatives", 100},
	{"TYPE", "type", 100},
	{"CORRUPTED", "corrupted", 100},
	{"SUPPRESSED", "suppressed", 100},
	{"PANICKED", "panicked", 100},
	{"EXECUTOR", "executor", 100},
	{"FRAME", "frame, where given", 100},
	{"REPORT", "report text, where given", 100},
}

// TestCorpusScoresAreAtLeastTheCommittedFloor prints the table of `make corpus`.
func TestCorpusScoresAreAtLeastTheCommittedFloor(t *testing.T) {
	all, x86 := newScore(), newScore()
	for _, f := range corpusFiles(t) {
		want := f.want()
		have, why := f.have()
		for _, row := range scoreRows {
			if !f.asserts(row.key, want) {
				continue
			}
			all.count(row.key, have[row.key], want[row.key])
			if f.isX86() {
				x86.count(row.key, have[row.key], want[row.key])
			}
			if have[row.key] != want[row.key] {
				t.Logf("%s %s: have %q, want %q (%s)", f.name, row.key, have[row.key], want[row.key], why)
			}
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "\n%-26s %20s %20s\n", "", "all", "x86-64")
	for _, row := range scoreRows {
		fmt.Fprintf(&table, "%-26s", row.name)
		for _, s := range []*score{all, x86} {
			fmt.Fprintf(&table, "  %4d/%4d %7.2f%%", s.right[row.key], s.total[row.key], percent(s.right[row.key], s.total[row.key]))
		}
		table.WriteByte('\n')
		if p := percent(all.right[row.key], all.total[row.key]); p < row.floor {
			t.Errorf("%s is right in %.2f %% of the corpus, floor is %.2f %%", row.name, p, row.floor)
		}
	}
	for _, of := range []struct {
		name  string
		whole func(*score) int
	}{
		{"corrupted, precision", func(s *score) int { return s.said["CORRUPTED"] }},
		{"corrupted, recall", func(s *score) int { return s.asserted["CORRUPTED"] }},
	} {
		fmt.Fprintf(&table, "%-26s", of.name)
		for _, s := range []*score{all, x86} {
			fmt.Fprintf(&table, "  %4d/%4d %7.2f%%", s.hit["CORRUPTED"], of.whole(s), percent(s.hit["CORRUPTED"], of.whole(s)))
		}
		table.WriteByte('\n')
	}
	t.Log(table.String())
}

// TestCorpusReportsAreFoundFromTheirStartAndNotFromTheirEnd holds of every log.
func TestCorpusReportsAreFoundFromTheirStartAndNotFromTheirEnd(t *testing.T) {
	for _, f := range corpusFiles(t) {
		all := newsOf(f.log)
		if len(all) == 0 {
			continue
		}
		o := all[0]
		if again := newsOf(f.log[o.Start:]); len(again) == 0 || again[0].Title != o.Title || again[0].Start != 0 {
			t.Errorf("%s: from its start %q is not found again", f.name, o.Title)
		}
		if rest := newsOf(f.log[o.End:]); len(rest) > 0 && rest[0].Title == o.Title {
			t.Errorf("%s: %q is found again from its end", f.name, o.Title)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
