package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ktrap/symbols"
)

// sourcesIn is a source tree of one file.
func sourcesIn(t *testing.T, name, text string) *sourceReader {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return &sourceReader{Sources: symbols.NewSources(&symbols.SourceOptions{Dirs: []string{dir}})}
}

func locationOf(file string, line int) symbols.Location {
	return symbols.Location{File: file, Line: line}
}

func TestSourceIsShownWithTheLineMarked(t *testing.T) {
	var buf bytes.Buffer
	p := &lookupPrinter{out: bufio.NewWriter(&buf), context: 1, sources: sourcesIn(t, "a.c", "one\ntwo\x1b\nthree\n")}
	p.excerpt(locationOf("a.c", 2))
	p.excerpt(locationOf("b.c", 2))
	p.out.Flush()
	want := "        1  one\n  >     2  two\\x1b\n        3  three\n        (find source \"b.c\": source file not found)\n"
	if got := buf.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestZeroLinesAroundLeaveTheLineAlone(t *testing.T) {
	var buf bytes.Buffer
	for context, want := range map[int]string{0: "  >     2  two\n", -1: ""} {
		buf.Reset()
		p := &lookupPrinter{out: bufio.NewWriter(&buf), context: context, sources: sourcesIn(t, "a.c", "one\ntwo\nthree\n")}
		p.excerpt(locationOf("a.c", 2))
		p.out.Flush()
		if got := buf.String(); got != want {
			t.Errorf("%d: %q, want %q", context, got, want)
		}
		if got := len(p.jsonFrame(locationOf("a.c", 2)).Source); got != context+1 {
			t.Errorf("%d: JSON has %d lines", context, got)
		}
	}
}

// tarball packs one source file.
func tarball(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "linux.tar.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	err = w.WriteHeader(&tar.Header{Name: "linux-6.1/a.c", Size: 4, Mode: 0o644, Typeflag: tar.TypeReg})
	if _, e := io.WriteString(w, "one\n"); errors.Join(err, e, w.Close(), z.Close(), f.Close()) != nil {
		t.Fatal(err, e)
	}
	return path
}

func TestATarballIsUnpackedWhenItsTextIsAskedFor(t *testing.T) {
	t.Setenv("KTRAP_CACHE", t.TempDir())
	r := &sourceReader{symbols.NewSources(&symbols.SourceOptions{Dirs: []string{tarball(t)}}), unpackSource, map[string]error{}}
	for range 2 {
		if lines, err := r.Context(locationOf("a.c", 1), 0); err != nil || len(lines) != 1 || lines[0].Text != "one" {
			t.Errorf("%v, %v", lines, err)
		}
	}
}

func TestATarballThatCannotBeUnpackedIsTriedOnce(t *testing.T) {
	t.Setenv("KTRAP_CACHE", t.TempDir())
	given := errors.New("given up")
	var asked []string
	path := tarball(t)
	r := &sourceReader{symbols.NewSources(&symbols.SourceOptions{Dirs: []string{path}}), func(tarball string) error {
		asked = append(asked, tarball)
		return given
	}, map[string]error{}}
	for n := range 3 {
		if _, err := r.Context(locationOf(fmt.Sprintf("%d.c", n), 1), 0); !errors.Is(err, given) {
			t.Errorf("%v", err)
		}
	}
	if !slices.Equal(asked, []string{path}) {
		t.Errorf("unpacked %v", asked)
	}
}
