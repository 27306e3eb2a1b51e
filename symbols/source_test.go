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

// found gives the text around a location, or "".
func found(o *SourceOptions, l Location) string {
	lines, err := NewSources(o).Context(l, 0)
	if err != nil {
		return ""
	}
	return lines[0].Text
}

func TestSourceIsFoundWhereTheUserSays(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, dir, "fs/open.c", "text")
	l := Location{File: "fs/open.c", Path: "/build/linux-6.1/fs/open.c", Line: 1}
	for name, o := range map[string]*SourceOptions{
		"source directory": {Dirs: []string{"/nowhere", dir}},
		"substitution":     {Substitute: []Substitution{{"/build/linux-6.1", dir}}},
		"of tree paths":    {Substitute: []Substitution{{"fs", filepath.Join(dir, "fs")}}},
	} {
		if got := found(o, l); got != "text" {
			t.Errorf("%s: %q", name, got)
		}
	}
	l.Path = path
	if got := found(nil, l); got != "text" {
		t.Errorf("where it was compiled: %q", got)
	}
}

func TestAnImageCannotMakeOtherFilesBeShown(t *testing.T) {
	dir := t.TempDir()
	secret := writeFile(t, dir, "shadow", "root:x")
	for _, l := range []Location{{File: secret, Path: secret}, {File: "shadow", Path: secret}, {}} {
		if got, err := NewSources(&SourceOptions{Dirs: []string{dir}}).Context(l, 0); !errors.Is(err, ErrNoSource) {
			t.Errorf("%+v: %v, %v", l, got, err)
		}
	}
}

func TestAFileThatIsTooShortIsSaidToBe(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "a.c", "one\n")
	_, err := NewSources(&SourceOptions{Dirs: []string{dir}}).Context(Location{File: "a.c", Line: 2}, 0)
	if !errors.Is(err, ErrNoSource) || !strings.Contains(err.Error(), "no line 2") || strings.Contains(err.Error(), "not found") {
		t.Errorf("%v", err)
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

func TestSourceIsFoundWhereDistributionsPutIt(t *testing.T) {
	tests := []struct{ who, release, tree string }{
		{"Debian, unpacked", "6.1.0-56-cloud-amd64", "usr/src/linux-source-6.1"},
		{"Ubuntu, unpacked", "6.8.0-31-generic", "usr/src/linux-source-6.8.0/linux-source-6.8.0"},
		{"Fedora", "6.11.4-301.fc41.x86_64", "usr/src/debug/kernel-6.11.4/linux-6.11.4-301.fc41.x86_64"},
		{"openSUSE", "6.4.0-150600.21-default", "usr/src/linux-6.4.0"},
		{"Gentoo", "6.12.5-gentoo", "usr/src/linux-6.12.5-gentoo"},
		{"Arch", "6.12.5-arch1-1", "usr/src/debug/linux"},
		{"built here", "6.1.7+deb12", "lib/modules/6.1.7+deb12/source"},
		{"any other", "", "usr/src/linux"},
	}
	for _, tt := range tests {
		host := t.TempDir()
		writeFile(t, host, filepath.Join(tt.tree, "fs/open.c"), tt.who)
		if got := found(&SourceOptions{Release: tt.release, host: host}, Location{File: "fs/open.c", Line: 1}); got != tt.who {
			t.Errorf("%s: %q", tt.who, got)
		}
	}
}

func TestTheReleaseOfAKernelIsNoPath(t *testing.T) {
	host := t.TempDir()
	writeFile(t, host, "etc/fs/open.c", "not the kernel's")
	for _, release := range []string{"../../../etc", "6.1/../../../../etc", "6.1*", "6", "/etc", "6.[1]"} {
		if got := found(&SourceOptions{Release: release, host: host}, Location{File: "fs/open.c", Line: 1}); got != "" || version(release) != nil {
			t.Errorf("%q: %q, %q", release, got, version(release))
		}
	}
}
