package symbols

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeFile makes a file with its folders below a temporary directory.
func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSourceIsFoundWhereTheUserSays(t *testing.T) {
	dir := t.TempDir()
	want := writeFile(t, dir, "fs/open.c", "")
	l := Location{File: "fs/open.c", Path: "/build/linux-6.1/fs/open.c", Line: 1}
	for name, o := range map[string]*SourceOptions{
		"source directory": {Dirs: []string{"/nowhere", dir}},
		"substitution":     {Substitute: []Substitution{{"/build/linux-6.1", dir}}},
		"of tree paths":    {Substitute: []Substitution{{"fs", filepath.Join(dir, "fs")}}},
	} {
		if got, err := NewSources(o).Find(l); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	l.Path = want
	if got, err := NewSources(nil).Find(l); err != nil || got != want {
		t.Errorf("where it was compiled: %q, %v", got, err)
	}
}

func TestAnImageCannotMakeOtherFilesBeShown(t *testing.T) {
	dir := t.TempDir()
	secret := writeFile(t, dir, "shadow", "root:x")
	for _, l := range []Location{{File: secret, Path: secret}, {File: "shadow", Path: secret}, {}} {
		if got, err := NewSources(&SourceOptions{Dirs: []string{dir}}).Find(l); !errors.Is(err, ErrNoSource) {
			t.Errorf("%+v: %q, %v", l, got, err)
		}
	}
}

func TestContextGivesLinesOnBothSides(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "a.c", "one\r\ntwo\nthree\nfour\xff\nfive")
	s := NewSources(&SourceOptions{Dirs: []string{dir}})
	tests := []struct {
		line, n int
		want    string
	}{
		{3, 1, "2 two|3 three|4 four\uFFFD"},
		{1, 1, "1 one|2 two"},
		{5, 2, "3 three|4 four\uFFFD|5 five"},
		{3, 0, "3 three"},
		{6, 1, ""}, {0, 0, ""},
	}
	for _, tt := range tests {
		list, err := s.Context(Location{File: "a.c", Line: tt.line}, tt.n)
		var got []string
		for _, l := range list {
			got = append(got, string(rune('0'+l.Number))+" "+l.Text)
		}
		if strings.Join(got, "|") != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("line %d: %q, %v", tt.line, got, err)
		}
	}
}

func TestSourcePackagesAreNamedByKernelSeries(t *testing.T) {
	for release, want := range map[string]string{
		"6.1.0-56-cloud-amd64": "6.1", "6.12.117+deb12": "6.12", "7.0-rc1": "7.0", "": "", "6": "", "6.1/../..": "",
	} {
		if got := series(release); got != want {
			t.Errorf("%q: %q, want %q", release, got, want)
		}
	}
}
