package symbols

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ulikunitz/xz"
)

// writeTarball packs files as the name of the tarball says, in a folder of their
// own as source packages have it.
func writeTarball(t *testing.T, path string, files ...string) {
	t.Helper()
	var packed bytes.Buffer
	var out io.WriteCloser = gzip.NewWriter(&packed)
	if filepath.Ext(path) == ".xz" {
		w, err := xz.NewWriter(&packed)
		if err != nil {
			t.Fatal(err)
		}
		out = w
	}
	w := tar.NewWriter(out)
	for _, name := range files {
		text := "text of " + name + "\n"
		if err := w.WriteHeader(&tar.Header{Name: "linux-source-6.1/" + name, Size: int64(len(text)), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), out.Close(), os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, packed.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
}

var openC = Location{File: "fs/open.c", Line: 1}

func TestSourceIsReadFromATarballOnceItIsUnpacked(t *testing.T) {
	for _, name := range []string{
		"usr/src/linux-source-6.1.tar.xz", "usr/src/linux-source-6.1.0/linux-source-6.1.0.tar.gz", "mine.tar.xz", "mine.tgz",
	} {
		host := t.TempDir()
		path := filepath.Join(host, name)
		writeTarball(t, path, "fs/open.c", "fs/shadow", "arch/arm/a.c", "arch/x86/a.c", "tools/a.c")
		o := &SourceOptions{Release: "6.1.0-56-amd64", Dirs: []string{filepath.Join(host, "mine.tar.xz"), filepath.Join(host, "mine.tgz")}, Kept: t.TempDir(), host: host}
		s := NewSources(o)
		_, err := s.Context(openC, 0)
		packed, ok := errors.AsType[*PackedError](err)
		if !ok || packed.Tarball != path || !errors.Is(err, ErrNoSource) {
			t.Fatalf("%s: before: %v", name, err)
		}
		read := int64(0)
		if err := Unpack(t.Context(), packed.Tarball, o.Kept, func(n, _ int64) { read = n }); err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(path); err != nil || st.Size() != read {
			t.Errorf("%s: told of %d bytes, of %v", name, read, st)
		}
		if lines, err := s.Context(openC, 3); err != nil || len(lines) != 1 || lines[0].Text != "text of fs/open.c" {
			t.Errorf("%s: %v, %v", name, lines, err)
		}
		for file, want := range map[string]string{
			"arch/x86/a.c": "text of arch/x86/a.c", "arch/arm/a.c": "", "tools/a.c": "", "fs/shadow": "", "../fs/open.c": "", "fs/../fs/open.c": "text of fs/open.c",
		} {
			if got := found(o, Location{File: file, Line: 1}); got != want {
				t.Errorf("%s: %s: %q", name, file, got)
			}
		}
		writeTarball(t, path, "fs/open.c", "fs/read_write.c") // a new version of the package
		if _, err := s.Context(openC, 0); !errors.As(err, &packed) {
			t.Errorf("%s: another tarball: %v", name, err)
		}
	}
}

func TestAnXZTarballIsUnpackedWithoutTheProgramToo(t *testing.T) {
	path, kept := filepath.Join(t.TempDir(), "a.tar.xz"), t.TempDir()
	writeTarball(t, path, "fs/open.c")
	t.Setenv("PATH", "")
	if err := Unpack(t.Context(), path, kept, nil); err != nil {
		t.Fatal(err)
	}
	if got := found(&SourceOptions{Dirs: []string{path}, Kept: kept}, openC); got != "text of fs/open.c" {
		t.Errorf("%q", got)
	}
}

func TestUnpackingThatFailsLeavesNothingHalf(t *testing.T) {
	dir := t.TempDir()
	good, cut, empty, other := filepath.Join(dir, "a.tar.xz"), filepath.Join(dir, "cut.tar.xz"), filepath.Join(dir, "empty.tgz"), filepath.Join(dir, "other.tar.gz")
	writeTarball(t, good, "fs/open.c")
	writeTarball(t, empty, "README")
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(cut, data[:len(data)/2], 0o600), os.WriteFile(other, data, 0o600)); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name, tarball string
		ctx           context.Context
		want          error
	}{
		{"given up", good, cancelled, context.Canceled},
		{"cut off", cut, t.Context(), nil},
		{"without source", empty, t.Context(), nil},
		{"not what its name says", other, t.Context(), nil},
		{"not there", filepath.Join(dir, "nowhere.tgz"), t.Context(), os.ErrNotExist},
	}
	for _, tt := range tests {
		kept := t.TempDir()
		err := Unpack(tt.ctx, tt.tarball, kept, nil)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if left, _ := os.ReadDir(kept); len(left) > 0 {
			t.Errorf("%s: left %v", tt.name, left)
		}
	}
	if err := Unpack(t.Context(), good, "", nil); err == nil {
		t.Error("unpacked to nowhere")
	}
}

func TestADamagedArchiveIsMadeAgain(t *testing.T) {
	path, kept := filepath.Join(t.TempDir(), "a.tgz"), t.TempDir()
	writeTarball(t, path, "fs/open.c")
	file, err := keptOf(kept, path)
	if err != nil {
		t.Fatal(err)
	}
	o := &SourceOptions{Dirs: []string{path}, Kept: kept}
	writeFile(t, kept, filepath.Base(file), "no zip")
	_, err = NewSources(o).Context(openC, 0)
	if _, ok := errors.AsType[*PackedError](err); !ok {
		t.Fatal(err)
	}
	if err := Unpack(t.Context(), path, kept, nil); err != nil || found(o, openC) == "" {
		t.Errorf("%v", err)
	}
}

func TestWhatWasUsedLongestAgoMakesRoom(t *testing.T) {
	dir := t.TempDir()
	for i, age := range []time.Duration{0, time.Minute, 2 * time.Hour, 3 * time.Hour} {
		for _, ext := range []string{".zip", ".tmp", ".idx"} {
			path := writeFile(t, dir, fmt.Sprint(i)+ext, "")
			at := time.Now().Add(-age)
			if err := errors.Join(os.Truncate(path, maxKept/4), os.Chtimes(path, at, at)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tidy(dir)
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	if got, want := fmt.Sprint(left), "[0.idx 0.tmp 0.zip 1.idx 1.tmp 1.zip 2.idx 2.zip]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
