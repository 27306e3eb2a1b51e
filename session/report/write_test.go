package report

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// sample is a report with something in every field.
func sample() *Report {
	frames := []Frame{
		{Kind: Fault, Func: "inner", Addr: 0xffffffffc0201012, File: "a.c", Line: 4, Inlined: true, CallFile: "a.c", CallLine: 9, Reliable: true, Context: "TASK"},
		{Kind: Fault, Func: "outer", Offset: 0x12, Size: 0x40, Module: "mod", Addr: 0xffffffffc0201012, File: "a.c", Line: 9, Reliable: true, Context: "TASK"},
		{Kind: Boundary, Func: "idle", Offset: 1, Size: 2, Addr: 1, Note: "n", Regs: Registers{{Name: "rip", Value: "0x1"}}},
	}
	r := &Report{
		Schema: Schema, Title: "KASAN: use-after-free Read in outer", AltTitles: []string{"bad-access in outer"},
		Type: "KASAN-USE-AFTER-FREE-READ", Class: "kasan", Cause: "read of 8 bytes",
		Time:      time.Date(2026, 8, 21, 10, 11, 12, 345, time.UTC),
		Corrupted: true, CorruptedReason: "cut", Panicked: true, CPU: 1, PID: 7, Comm: "sh",
		Kernel: Kernel{Release: "6.1", Version: "#1", BuildID: "ab", Slide: "0x1000", Tainted: "G"},
		Frames: frames,
		Code: []Code{{Addr: 0xffffffffc0201012, Bytes: "0f0b", Text: "ud2", Func: "outer", Offset: 0x12,
			File: "a.c", Line: 4, Marked: true}},
		Source:  []Source{{File: "a.c", Func: "inner", Lines: []SourceLine{{Line: 4, Text: "\tBUG();", Marked: true}}}},
		Modules: []Module{{Name: "mod", Base: 0xffffffffc0201000, Size: 4096, Path: "mod.ko", BuildID: "cd", Note: "n"}},
		Threads: []Thread{{CPU: 0, PID: 0, Comm: "swapper/0", Frames: frames[2:], Note: "idle"}},
		Log:     "BUG: <a> & b\n", ConsoleTail: "tail\n", Incomplete: []string{"nothing"},
		Session: Session{Schema: Schema, Version: "1", CommandLine: []string{"ktrap"}, QEMU: []string{"qemu"}, Stub: ":1234",
			Vmlinux: Image{"vmlinux", "ab"}, Modules: []Image{{"mod.ko", "cd"}},
			Reproducer: Reproducer{"r.c", []string{"/r"}, "int main;"}, Again: []string{"ktrap"}},
		Console: []byte("raw \x1b[2J \xff\x00\r\n"), Dmesg: []byte("<4>[ 1.0] x\n"),
	}
	r.Registers.Add("rip", 0xffffffffc0201012)
	r.Registers.AddUnknown("rax")
	r.Registers.Add("eflags", 0x246)
	return r
}

func TestWhatIsWrittenReadsBack(t *testing.T) {
	root := filepath.Join(t.TempDir(), "made", "on", "demand")
	want := sample()
	path, err := Write(root, want)
	if err != nil {
		t.Fatal(err)
	}
	if name := filepath.Base(path); name != "kasan-use-after-free-read-in-outer-20260821T101112Z-1" {
		t.Errorf("directory is called %q", name)
	}
	have, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(have, want) {
		t.Errorf("have %+v\nwant %+v", have, want)
	}
	if names := list(t, root); len(names) != 1 {
		t.Errorf("the report folder holds %q, want the report alone", names)
	}
	if names := strings.Join(list(t, path), " "); names != "console.log dmesg.txt report.json report.txt session.json" {
		t.Errorf("the report holds %s", names)
	}
}

func TestEmptyListsAreNotNull(t *testing.T) {
	var b bytes.Buffer
	r := &Report{Title: "x", Threads: make([]Thread, 1), Source: make([]Source, 1)}
	if err := JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	session, err := sessionJSON(r)
	if err != nil {
		t.Fatal(err)
	}
	if text := b.String() + string(session); strings.Contains(text, "null") {
		t.Errorf("null in\n%s", text)
	}
	if r.Frames != nil || r.Threads[0].Frames != nil {
		t.Error("the report itself was changed")
	}
}

func TestConsoleKeepsRawBytesAndTextDoesNot(t *testing.T) {
	r := sample()
	r.Log = "\x1b[2Jgone\n"
	path, err := Write(t.TempDir(), r)
	if err != nil {
		t.Fatal(err)
	}
	console, err := os.ReadFile(filepath.Join(path, "console.log"))
	if err != nil || !bytes.Equal(console, r.Console) {
		t.Errorf("console.log is %q, %v", console, err)
	}
	text, err := os.ReadFile(filepath.Join(path, "report.txt"))
	if err != nil || bytes.ContainsAny(text, "\x1b\x00\r") || !bytes.Contains(text, []byte(`\x1b[2Jgone`)) {
		t.Errorf("report.txt is %q, %v", text, err)
	}
}

func TestReportsOfOneSecondAreNumbered(t *testing.T) {
	root := t.TempDir()
	const writers = 8
	paths := make([]string, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			var err error
			if paths[i], err = Write(root, sample()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, p := range paths {
		seen[p] = true
		if _, err := Read(p); err != nil {
			t.Error(err)
		}
	}
	if names := list(t, root); len(seen) != writers || len(names) != writers {
		t.Errorf("%d paths, folder holds %q", len(seen), names)
	}
}

func TestOnlyItsOwnerMayReadAReport(t *testing.T) {
	path, err := Write(t.TempDir(), &Report{Title: "BUG: x"})
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
}

func TestPlainFileInTheWayOfTheNameIsLeftAlone(t *testing.T) {
	root := t.TempDir()
	taken := filepath.Join(root, "kasan-use-after-free-read-in-outer-20260821T101112Z-1")
	if err := os.WriteFile(taken, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	path, err := Write(root, sample())
	if err != nil || !strings.HasSuffix(path, "-2") {
		t.Errorf("written to %q, %v", path, err)
	}
	if b, err := os.ReadFile(taken); err != nil || string(b) != "mine" {
		t.Errorf("the file in the way is %q, %v", b, err)
	}
}

func TestFolderThatCannotBeMadeIsAnError(t *testing.T) {
	in := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(in, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if path, err := Write(in, sample()); err == nil || path != "" {
		t.Errorf("have %q, %v", path, err)
	}
}

// disk is a file system with so many bytes left, shared by the files on it.
type disk struct{ free int }

var errFull = errors.New("no space left on device")

func (d *disk) create(dir *os.Root, name string) (file, error) {
	f, err := dir.Create(name)
	return &diskFile{File: f, disk: d}, err
}

// diskFile gives its bytes back when it is truncated or replaced, not when it is
// removed: that is enough for a disk that fills up once.
type diskFile struct {
	*os.File
	disk *disk
	size int
}

func (f *diskFile) Write(p []byte) (int, error) {
	n := min(len(p), f.disk.free)
	f.disk.free -= n
	f.size += n
	n, err := f.File.Write(p[:n])
	if err == nil && n < len(p) {
		err = errFull
	}
	return n, err
}

func (f *diskFile) Truncate(size int64) error {
	f.disk.free += f.size - int(size)
	f.size = int(size)
	return f.File.Truncate(size)
}

func TestFullDiskKeepsWhatFitsAndSaysWhatDoesNot(t *testing.T) {
	tests := []struct {
		name    string
		free    int
		console int // least bytes of console.log
		missing string
	}{
		{"console does not fit", 300 << 10, 150 << 10, "console.log holds"},
		{"nothing of the console fits", 60 << 10, 0, "console.log holds 0 of 1048576 bytes: write console.log: no space left on device"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			r := sample()
			r.Console = bytes.Repeat([]byte("x"), 1<<20)
			name, err := writeDir(root, r, (&disk{tt.free}).create)
			if err != nil {
				t.Fatal(err)
			}
			have, err := Read(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if len(have.Console) < tt.console || len(have.Console) >= len(r.Console) {
				t.Errorf("console.log holds %d bytes", len(have.Console))
			}
			if n := len(have.Incomplete); n != 2 || !strings.HasPrefix(have.Incomplete[1], tt.missing) {
				t.Errorf("incomplete: %q", have.Incomplete)
			}
			text, err := os.ReadFile(filepath.Join(dir, name, "report.txt"))
			if err != nil || !bytes.Contains(text, []byte("console.log holds")) {
				t.Errorf("report.txt does not say so: %v", err)
			}
		})
	}
}

func TestDiskWithoutAnySpaceLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	name, err := writeDir(root, sample(), (&disk{0}).create)
	if name != "" || !errors.Is(err, errFull) {
		t.Errorf("have %q, %v", name, err)
	}
	if names := list(t, dir); len(names) != 0 {
		t.Errorf("left behind: %q", names)
	}
}

func TestDirectoryThatMayNotBeWrittenIsAnError(t *testing.T) {
	denied := errors.New("permission denied")
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	name, err := writeDir(root, sample(), func(*os.Root, string) (file, error) { return nil, denied })
	if name != "" || !errors.Is(err, denied) {
		t.Errorf("have %q, %v", name, err)
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
