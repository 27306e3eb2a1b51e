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
		t.Skipf("NO CORPUS: %s is not there; set KTRAP_CORPUS to a folder with console/ and guest/", dir)
	}
	return dir
}

// corpusFile is a log with what is asserted about it.
type corpusFile struct {
	name    string
	headers map[string][]string
	log     []byte
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
	f.log, _, _ = bytes.Cut(text, []byte("\n\nREPORT:"))
	return f
}

func (f *corpusFile) want(key string) string {
	if v := f.headers[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// got renders the first crash of a log in the words of the headers.
func got(f *corpusFile) map[string]string {
	all := slices.DeleteFunc(Parse(f.log), func(o Oops) bool { return o.Minor })
	if len(all) == 0 {
		return map[string]string{"CRASH": ""}
	}
	o := &all[0]
	yes := map[bool]string{true: "Y"}
	m := map[string]string{
		"CRASH": "Y", "TITLE": o.Title, "TYPE": o.Type, "CORRUPTED": yes[o.Corrupted], "SUPPRESSED": yes[o.Suppressed], "PANICKED": yes[o.Panicked],
		"ALT": strings.Join(o.AltTitles, "|"), "why": o.CorruptedReason,
	}
	if f.want("FRAME") != "" {
		m["FRAME"] = o.Guilty
	}
	if e := o.Executor; e != nil {
		m["EXECUTOR"] = fmt.Sprintf("proc=%d, id=%d", e.Proc, e.ID)
	}
	return m
}

// floors are the shares of the corpus below which the test fails, in percent.
var floors = map[string]int{"CRASH": 100, "TITLE": 99, "ALT": 99, "TYPE": 99, "CORRUPTED": 98, "SUPPRESSED": 99, "PANICKED": 99, "FRAME": 99, "EXECUTOR": 99}

func TestCorpusScoresAreAtLeastTheCommittedFloor(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(corpusDir(t), "console", "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no console logs in the corpus: %v", err)
	}
	right, total := map[string]int{}, map[string]int{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := readCorpusFile(path, raw)
		slices.Sort(f.headers["ALT"])
		have := got(&f)
		want := map[string]string{"ALT": strings.Join(f.headers["ALT"], "|"), "CRASH": map[bool]string{true: "Y"}[f.want("TITLE") != ""]}
		for _, key := range []string{"TITLE", "TYPE", "CORRUPTED", "SUPPRESSED", "PANICKED", "FRAME", "EXECUTOR"} {
			want[key] = f.want(key)
		}
		for key := range floors {
			if want["CRASH"] == "" && key != "CRASH" || key == "FRAME" && want[key] == "" {
				continue
			}
			total[key]++
			if have[key] == want[key] {
				right[key]++
				continue
			}
			t.Logf("%s %s: have %q, want %q (%s)", f.name, key, have[key], want[key], have["why"])
		}
	}
	for _, key := range sortedKeys(floors) {
		percent := 100 * right[key] / total[key]
		t.Logf("SCORE %-10s %4d of %4d = %d %%", key, right[key], total[key], percent)
		if percent < floors[key] {
			t.Errorf("%s is right in %d %% of the corpus, floor is %d %%", key, percent, floors[key])
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
