package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"ktrap/symbols/symtest"
)

// tinyKernel writes a vmlinux of two functions of one name.
func tinyKernel(t *testing.T) string {
	t.Helper()
	const text = 0xffffffff81000000
	e := symtest.ELF{
		Sections: []symtest.Section{{Name: ".text", Flags: symtest.Exec, Addr: text, Data: make([]byte, 0x100)}},
		Symbols: []symtest.Symbol{
			{Name: "first", Section: 1, Value: text, Size: 0x1b, Type: 2},
			{Name: "twin", Section: 1, Value: text + 0x20, Size: 0x20, Type: 2},
			{Name: "twin", Section: 1, Value: text + 0x40, Size: 0x40, Type: 2},
			{Name: "_RNvCs1234_7mycrate3foo", Section: 1, Value: text + 0x80, Size: 0x40, Type: 2},
		},
	}
	path := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(path, e.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// output runs ktrap and gives its exit status and what it wrote to stdout.
func output(t *testing.T, stdin string, args ...string) (int, string) {
	t.Helper()
	oldIn, oldOut := os.Stdin, os.Stdout
	defer func() { os.Stdin, os.Stdout = oldIn, oldOut }()
	os.Stdin = fileOf(t, stdin)
	out := fileOf(t, "")
	os.Stdout = out
	status := run(args)
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	return status, string(text)
}

func fileOf(t *testing.T, text string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEveryLocationIsAnsweredOnALineOfItsOwn(t *testing.T) {
	vmlinux := tinyKernel(t)
	tests := []struct{ name, loc, want string }{
		{"an address", "0xffffffff81000004", "0xffffffff81000004: first+0x4/0x20 (no debug information)"},
		{"a name", "first", "0xffffffff81000000: first+0x0/0x20 (no debug information)"},
		{"the size decides", "twin+0x4/0x40", "0xffffffff81000044: twin+0x4/0x40 (no debug information)"},
		{"ambiguous", "twin", "twin: ambiguous: 2 symbols fit\n0xffffffff81000020: twin+0x0/0x20 (no debug information)\n0xffffffff81000040: twin+0x0/0x40 (no debug information)"},
		{"readable", "0xffffffff81000080", "0xffffffff81000080: mycrate::foo+0x0/0x80 (no debug information)"},
		{"not known", "third", "third: ?? (no symbol of that name)"},
		{"no address of the kernel", "0x10", "0x10: ?? (not kernel code: not an address of the kernel)"},
		{"nonsense", "+", `+: ?? (not a location: "+": want NAME+0xOFF or NAME+0xOFF/0xSIZE)`},
		{"control characters", "a\x1b[2Jb", `a\x1b[2Jb: ?? (no symbol of that name)`},
	}
	if _, got := output(t, "", "lookup", vmlinux, "first\nthird"); strings.Count(got, "\n") != 1 {
		t.Errorf("one location is answered on several lines: %q", got)
	}
	for _, tt := range tests {
		if status, got := output(t, "", "lookup", vmlinux, tt.loc); status != exitDone || strings.TrimSpace(got) != tt.want {
			t.Errorf("%s: status %d\n%s\nwant\n%s", tt.name, status, got, tt.want)
		}
		status, got := output(t, tt.loc+"\n\n", "lookup", vmlinux, "-")
		if status != exitDone || strings.TrimSpace(got) != tt.want {
			t.Errorf("%s from stdin: status %d\n%s", tt.name, status, got)
		}
	}
}

func TestJSONHasBothFormsOfANameAndOneLinePerLocation(t *testing.T) {
	_, got := output(t, "0xffffffff81000084\nnothing\n", "lookup", tinyKernel(t), "--format=json")
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), got)
	}
	var a jsonAnswer
	if err := json.Unmarshal([]byte(lines[0]), &a); err != nil {
		t.Fatal(err)
	}
	if s := a.Spots[0].Symbol; s.Name != "_RNvCs1234_7mycrate3foo" || s.Demangled != "mycrate::foo" || s.Offset != 4 {
		t.Errorf("%+v", s)
	}
	if !strings.Contains(lines[1], `"places":[]`) || !strings.Contains(lines[1], `"reason"`) {
		t.Errorf("%s", lines[1])
	}
}

func TestWhatHasArrivedIsMadeReadyTogether(t *testing.T) {
	var steps []string
	prepare := func(locs []string) { steps = append(steps, fmt.Sprintf("prepare %q", locs)) }
	answer := func(loc string) { steps = append(steps, loc) }
	in := io.MultiReader(strings.NewReader("a\n\nb\nc"), strings.NewReader("d\ne\n"), strings.NewReader("f"))
	if err := stream(in, bufio.NewWriter(io.Discard), prepare, answer); err != nil {
		t.Fatal(err)
	}
	want := []string{`prepare ["a\n" "\n" "b\n"]`, "a", "b", `prepare []`, "cd", `prepare ["e\n"]`, "e", "prepare []", "f"}
	if !slices.Equal(steps, want) {
		t.Errorf("%q\nwant %q", steps, want)
	}
}

func TestAStreamIsAnsweredLineByLine(t *testing.T) {
	toUs, fromThem := io.Pipe()
	answers, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { // ends when the questions do
		w := bufio.NewWriter(out)
		ended <- stream(toUs, w, func([]string) {}, func(loc string) { w.WriteString("<" + loc + ">\n") })
	}()
	in := bufio.NewReader(answers)
	for _, q := range []string{"one", "two"} {
		if _, err := io.WriteString(fromThem, q+"\n"); err != nil {
			t.Fatal(err)
		}
		if got, err := in.ReadString('\n'); err != nil || got != "<"+q+">\n" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	fromThem.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestALineThatNeverEndsIsRefusedNotKept(t *testing.T) {
	status, got := output(t, "first\n"+strings.Repeat("a", 1<<20), "lookup", tinyKernel(t))
	if status != exitFailed || strings.Count(got, "\n") != 1 || !strings.Contains(got, ": first+0x0/") {
		t.Errorf("status %d, %.200q", status, got)
	}
}

func TestMistakesOnTheCommandLineOfLookup(t *testing.T) {
	vmlinux := tinyKernel(t)
	t.Chdir(t.TempDir())
	for _, args := range [][]string{
		{"0xffffffff81000004"}, {"nowhere/vmlinux", "f"}, {vmlinux, "--slide", "xyz", "f"},
		{vmlinux, "--slide", "0x123", "f"}, {"--build-id", "xyz", "f"}, {"--build-id", "ab", "f"},
		{vmlinux, "--module", "ext4=here", "f"}, {vmlinux, "--substitute-path", "ab", "f"}, {vmlinux, "--format=xml"},
	} {
		if status, got := output(t, "", append([]string{"lookup"}, args...)...); status != exitUsage || got != "" {
			t.Errorf("%v: status %d, %s", args, status, got)
		}
	}
}

func TestFlagsMayStandBetweenLocations(t *testing.T) {
	var c cli
	app, err := kong.New(&c, grammar([]string{"lookup"})...)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ in, want string }{
		{"lookup v --style trace a -s 3 b --demangle c --slide=0x1 -", "lookup --style trace -s 3 --demangle --slide=0x1 v a b c -"},
		{"doctor v --format json", "doctor v --format json"}, // takes no list
		{"lookup a --nonsense b", "lookup --nonsense a b"},
		{"lookup a --slide", "lookup --slide a"},
	}
	for _, tt := range tests {
		if got := flagsFirst(app.Model, strings.Fields(tt.in)); !slices.Equal(got, strings.Fields(tt.want)) {
			t.Errorf("%s: %v", tt.in, got)
		}
	}
}

func TestAModuleBehindABlankBelongsToItsSymbol(t *testing.T) {
	got := joinModules([]string{"[<ffffffff81000000>]", "f+0x1/0x2", "[ext4]", "g", "[<ffffffff81000000>]"})
	if want := []string{"[<ffffffff81000000>]", "f+0x1/0x2 [ext4]", "g", "[<ffffffff81000000>]"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
