package symbols

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// writeArchive makes an archive of sources, whose files have their names as text.
func writeArchive(tb testing.TB, names ...string) (path string) {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, name)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	path = filepath.Join(tb.TempDir(), "a.zip")
	if err := errors.Join(z.Close(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
		tb.Fatal(err)
	}
	return path
}

// numbered gives names of files.
func numbered(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("drivers/net/%d.c", i)
	}
	return list
}

// keptText gives the text of a file of an archive, or why there is none.
func keptText(tb testing.TB, path, name string) string {
	f, err := openKept(path, name)
	if err != nil {
		return err.Error()
	}
	text, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func readFile(tb testing.TB, path string) []byte {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// spoil changes a file.
func spoil(tb testing.TB, path string, change func([]byte) []byte) {
	tb.Helper()
	if err := os.WriteFile(path, change(readFile(tb, path)), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func TestTheIndexOfAnArchiveAnswersAsItsDirectory(t *testing.T) {
	// From 65,535 files on an archive has other records at its end.
	for _, n := range []int{1, 2, 1000, 70_000} {
		names := numbered(n)
		path := writeArchive(t, names...)
		for _, name := range []string{names[0], names[n/2], names[n-1], names[0], "drivers/net/-1.c", "drivers/net/0", ""} {
			want := name
			if !slices.Contains(names, name) {
				want = ErrNoSource.Error()
			}
			if got := keptText(t, path, name); got != want {
				t.Errorf("%d files: %q: %q, want %q", n, name, got, want)
			}
		}
		a, err := openArchive(path)
		if err != nil {
			t.Fatal(err)
		}
		if x, err := readSourceIndex(readFile(t, sourceIndexOf(path)), a); err != nil || len(x) != n*sourceEntrySize {
			t.Errorf("%d files: the index kept has %d bytes: %v", n, len(x), err)
		}
		a.Close()
	}
}

func TestOnlyTheEntryOfTheNameIsRead(t *testing.T) {
	path := writeArchive(t, numbered(100)...)
	keptText(t, path, "drivers/net/1.c")
	spoil(t, path, func(data []byte) []byte {
		return bytes.Replace(data, []byte("PK\x01\x02"), []byte("PK\x01\x00"), 1) // of drivers/net/0.c
	})
	if _, err := zip.OpenReader(path); err == nil {
		t.Fatal("the directory is sound")
	}
	if got := keptText(t, path, "drivers/net/1.c"); got != "drivers/net/1.c" {
		t.Errorf("%q", got)
	}
	if got := keptText(t, path, "drivers/net/0.c"); got != zip.ErrFormat.Error() {
		t.Errorf("of the damaged entry: %q", got)
	}
}

func TestAnIndexThatDoesNotFitIsMadeAgain(t *testing.T) {
	names := numbered(100)
	another := writeArchive(t, numbered(99)...)
	keptText(t, another, names[0])
	for name, change := range map[string]func([]byte) []byte{
		"empty":             func([]byte) []byte { return nil },
		"head cut off":      func(x []byte) []byte { return x[:20] },
		"cut off":           func(x []byte) []byte { return x[:len(x)-sourceEntrySize] },
		"longer":            func(x []byte) []byte { return append(x, x[len(x)-sourceEntrySize:]...) },
		"one bit":           func(x []byte) []byte { x[len(x)-1] ^= 1; return x },
		"zeros":             func(x []byte) []byte { clear(x); return x },
		"another version":   func(x []byte) []byte { x[len(sourceIndexMagic)]++; return x },
		"another archive's": func([]byte) []byte { return readFile(t, sourceIndexOf(another)) },
	} {
		path := writeArchive(t, names...)
		keptText(t, path, names[0])
		good := readFile(t, sourceIndexOf(path))
		spoil(t, sourceIndexOf(path), change)
		for _, file := range []string{names[7], names[99]} {
			if got := keptText(t, path, file); got != file {
				t.Errorf("%s: %q, want %q", name, got, file)
			}
		}
		if !bytes.Equal(readFile(t, sourceIndexOf(path)), good) {
			t.Errorf("%s: not made again", name)
		}
	}
}

// An index that is sound in itself is not believed when it points elsewhere.
func TestAnIndexThatLeadsAstrayIsMadeAgain(t *testing.T) {
	names := numbered(10)
	path := writeArchive(t, names...)
	keptText(t, path, names[0])
	good := readFile(t, sourceIndexOf(path))
	a, err := openArchive(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for name, astray := range map[string]func(e []byte){
		"at another entry":    func(e []byte) { copy(e[8:12], good[len(good)-8:]); copy(e[12:], good[len(good)-4:]) },
		"behind its start":    func(e []byte) { e[8]++ },
		"over the next entry": func(e []byte) { e[12] *= 2 },
		"at no entry at all":  func(e []byte) { copy(e[12:], "\x00\x00\x00\x00") },
		"behind the end":      func(e []byte) { copy(e[8:], "\xff\xff\xff\xff\xff\xff\x00\x00") },
	} {
		entries := slices.Clone(good[len(sourceIndexHead(a, nil)):])
		for i := 0; i < len(entries)-sourceEntrySize; i += sourceEntrySize {
			astray(entries[i:][:sourceEntrySize])
		}
		if err := os.WriteFile(sourceIndexOf(path), append(sourceIndexHead(a, entries), entries...), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, file := range names {
			if got := keptText(t, path, file); got != file {
				t.Errorf("%s: %q, want %q", name, got, file)
			}
		}
		if !bytes.Equal(readFile(t, sourceIndexOf(path)), good) {
			t.Errorf("%s: not made again", name)
		}
	}
}

func TestWithoutAnIndexTheDirectoryAnswers(t *testing.T) {
	path := writeArchive(t, numbered(3)...)
	if err := os.Mkdir(sourceIndexOf(path), 0o755); err != nil { // none can be written there
		t.Fatal(err)
	}
	if got := keptText(t, path, "drivers/net/2.c"); got != "drivers/net/2.c" {
		t.Errorf("%q", got)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestAnArchiveThatEndsOtherwiseIsNone(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"empty":                    func([]byte) []byte { return nil },
		"cut off":                  func(z []byte) []byte { return z[:len(z)-1] },
		"half":                     func(z []byte) []byte { return z[:len(z)/2] },
		"longer":                   func(z []byte) []byte { return append(z, 0) },
		"a directory elsewhere":    func(z []byte) []byte { z[len(z)-6]++; return z },
		"a directory of no length": func(z []byte) []byte { copy(z[len(z)-10:], "\x00\x00\x00\x00"); return z },
	} {
		path := writeArchive(t, numbered(100)...)
		keptText(t, path, "drivers/net/0.c")
		spoil(t, path, change)
		if a, err := openArchive(path); !errors.Is(err, errNoArchive) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

func FuzzSourceIndex(f *testing.F) {
	names := numbered(5)
	path := writeArchive(f, names...)
	keptText(f, path, names[0])
	good := readFile(f, sourceIndexOf(path))
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(sourceIndexOf(path), data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if got := keptText(t, path, name); got != name {
				t.Errorf("%q, want %q", got, name)
			}
		}
	})
}

// BenchmarkKeptSource reads one file of an archive as large as a kernel's.
func BenchmarkKeptSource(b *testing.B) {
	names := numbered(45_000)
	path := writeArchive(b, names...)
	for _, bb := range []struct {
		name, file string
		forget     bool
	}{
		{"index", names[20_000], false},
		{"index, not there", "drivers/net/none.c", false},
		{"no index", names[20_000], true},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			keptText(b, path, bb.file)
			for b.Loop() {
				if bb.forget {
					_ = os.Remove(sourceIndexOf(path))
				}
				keptText(b, path, bb.file)
			}
		})
	}
}
