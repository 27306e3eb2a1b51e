package main

import (
	"bufio"
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rooms lists the packages from the bottom up: a package may import only rooms
// above its own in this list.
var rooms = []string{
	"rsp", "rsp/rsptest",
	"testdata/crashme",
	"symbols/addr", "symbols/unxz", "symbols/elffile", "symbols/debuginfod", "symbols/symtest", "symbols/dwarfx", "symbols/cfi", "symbols/orc",
	"symbols/index", "symbols/lines", "symbols/types", "symbols", "symbols/oops", "symbols/disasm", "symbols/cause", "symbols/decode",
	"session/machine", "session/hostram", "session/target", "session/unwind", "session/kernel", "session/expr", "session/trap",
	"session/vm", "session/guest", "session/lab", "session/report", "session/gdbview",
	"session", "session/repro", "session/debug", "scripts",
	"cmd/ktrap/terminal", "cmd/ktrap",
}

// root is the module's folder, seen from this package.
const root = "../.."

// sourceFiles lists the Go files of the module by path from its folder.
func sourceFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." && path != root) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			files = append(files, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("found only %d Go files: the walk is broken", len(files))
	}
	return files
}

func TestLayers(t *testing.T) {
	for _, file := range sourceFiles(t) {
		room := filepath.ToSlash(filepath.Dir(file))
		own := slices.Index(rooms, room)
		if own < 0 {
			t.Errorf("%s: package %s is in no row of the layer table", file, room)
			continue
		}
		if strings.HasSuffix(file, "_test.go") {
			continue // a test may use what it wants to be tested with
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, im := range f.Imports {
			path, ours := strings.CutPrefix(strings.Trim(im.Path.Value, `"`), "ktrap/")
			if !ours {
				continue
			}
			if i := slices.Index(rooms, path); i < 0 || i >= own {
				t.Errorf("%s imports ktrap/%s, which is not above it", file, path)
			}
		}
	}
}

// maxLines is the length from which a file is more than one idea.
const maxLines = 400

func TestFileSizes(t *testing.T) {
	for _, file := range sourceFiles(t) {
		text := read(t, file)
		if generated(text) || strings.HasSuffix(file, "_test.go") {
			continue
		}
		if n := bytes.Count(text, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines; more than %d are more than one idea", file, n, maxLines)
		}
	}
}

// oneLess finds the address before another one.
var oneLess = regexp.MustCompile(`(PC|pc|ret|addr\.Addr\([^()]*\))-1\b`)

// TestThePCRuleExistsOnce: whether a pc is a return address is decided in
// unwind.Frame.LookupPC and nowhere else.
func TestThePCRuleExistsOnce(t *testing.T) {
	found := 0
	for _, file := range sourceFiles(t) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		lines := bufio.NewScanner(bytes.NewReader(read(t, file)))
		for n := 1; lines.Scan(); n++ {
			code, _, _ := strings.Cut(lines.Text(), "//")
			code = strings.ReplaceAll(code, " ", "")
			if !oneLess.MatchString(code) {
				continue
			}
			found++
			if file != filepath.Join("session", "unwind", "frame.go") {
				t.Errorf("%s:%d takes one from a pc; LookupPC does that", file, n)
			}
		}
	}
	if found != 1 {
		t.Errorf("the rule was found %d times, want 1", found)
	}
}

// TestNoMachinePaths: what is committed speaks of no machine.
func TestNoMachinePaths(t *testing.T) {
	bad := []string{"/work" + "/main", "/work" + "/shared", "/tmp" + "/k/"}
	for _, file := range sourceFiles(t) {
		for _, b := range bad {
			if bytes.Contains(read(t, file), []byte(b)) {
				t.Errorf("%s names a folder of somebody's machine: %s", file, b)
			}
		}
	}
}

func generated(text []byte) bool {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	return bytes.Contains(first, []byte("Code generated"))
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
