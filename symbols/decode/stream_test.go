package decode

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"ktrap/symbols/symtest"
)

const textBase = 0xffffffff81000000

// tinyKernel writes a vmlinux with a banner and a build-id.
func tinyKernel(t testing.TB) string {
	t.Helper()
	banner := "Linux version 6.1.0-tiny (me@here) (gcc) #1 SMP Tiny 6.1.0-1 (2026-01-01)\n\x00"
	e := symtest.ELF{
		BuildID: []byte{0xab, 0xcd, 0xef, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11},
		Sections: []symtest.Section{
			{Name: ".text", Flags: symtest.Exec, Addr: textBase, Data: make([]byte, 0x200)},
			{Name: ".rodata", Flags: 2, Addr: textBase + 0x100000, Data: []byte(banner)},
		},
		Symbols: []symtest.Symbol{
			{Name: "first", Section: 1, Value: textBase, Size: 0x20, Type: 2},
			{Name: "twin", Section: 1, Value: textBase + 0x20, Size: 0x40, Type: 2},
			{Name: "second", Section: 1, Value: textBase + 0x60, Size: 0x20, Type: 2},
			{Name: "twin", Section: 1, Value: textBase + 0x80, Size: 0x40, Type: 2},
			{Name: "third", Section: 1, Value: textBase + 0xc0, Size: 0x140, Type: 2},
			{Name: "linux_banner", Section: 2, Value: textBase + 0x100000, Size: uint64(len(banner)), Type: 1},
		},
	}
	path := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(path, e.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const tinyBuildID = "abcdef0102030405060708090a0b0c0d0e0f1011"

// decoded runs a log through and gives the output and what was said.
func decoded(t testing.TB, o Options, log string) (out, said string, err error) {
	t.Helper()
	var b bytes.Buffer
	var talk strings.Builder
	o.Finder.Say = func(s string) { talk.WriteString(s + "\n") }
	a, err := NewAnnotator(&b, &o)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	err = a.Run(strings.NewReader(log))
	return b.String(), talk.String(), err
}

func TestAVmlinuxMustBeThatOfTheLog(t *testing.T) {
	vmlinux := tinyKernel(t)
	cpu := func(version string) string {
		return "CPU: 0 PID: 1 Comm: sh Not tainted " + version + "\nCall Trace:\n"
	}
	const frame = " first+0x4/0x20\n"
	tests := []struct {
		name, log        string
		answered, refuse bool
	}{
		{"the build-id is the same", cpu("6.1.0-tiny #1  "+tinyBuildID) + frame, true, false},
		{"another build-id", cpu("6.1.0-tiny #1  "+strings.Repeat("0", 40)) + frame, false, true},
		{"another release", cpu("6.2.0 #1") + frame, false, true},
		{"the distribution's version", cpu("6.1.0-tiny #1  Tiny 6.1.0-1") + frame, true, false},
		{"the distribution's other version", cpu("6.1.0-tiny #1  Tiny 6.1.0-2") + frame, false, true},
		{"the banner", "[    0.000000] Linux version 6.1.0-tiny (me@here) (gcc) #1 SMP Tiny 6.1.0-1 (2026-01-01)\r\n" + frame, true, false},
		{"another banner of that release", "[    0.000000] Linux version 6.1.0-tiny (me@there) (gcc) #1 SMP Tiny 6.1.0-1 (2026-01-01)\n" + frame, false, true},
		{"one size alone fits", frame, true, false},
		{"one size alone does not fit", " first+0x4/0x30\n", false, false},
		{"most sizes do not fit", " first+0x4/0x30\n second+0x4/0x30\n third+0x4/0x30\n" + frame, false, true},
		{"all sizes fit", frame + " second+0x4/0x20\n third+0x4/0x140\n", true, false},
		{"the second boot is of another kernel", cpu("6.1.0-tiny #1  "+tinyBuildID) + frame + "Linux version 7.0.0 (x) #1\n", true, false},
	}
	for _, tt := range tests {
		out, said, err := decoded(t, Options{Finder: Finder{Vmlinux: vmlinux}}, tt.log)
		if got := strings.Contains(out, Mark+"(no debug information)"); got != tt.answered {
			t.Errorf("%s: answered: %v\n%s%s", tt.name, got, out, said)
		}
		if errors.Is(err, ErrRefused) != tt.refuse || err != nil && !tt.refuse {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.refuse && !strings.Contains(said, tinyBuildID) {
			t.Errorf("%s: a refusal does not name the file's identity: %s", tt.name, said)
		}
		if !strings.HasPrefix(without(out), tt.log) {
			t.Errorf("%s: the log has changed:\n%s", tt.name, out)
		}
		forced, _, err := decoded(t, Options{Finder: Finder{Vmlinux: vmlinux, Force: true}}, tt.log)
		if err != nil || tt.refuse && strings.Contains(tt.log, frame) && !strings.Contains(forced, "NOT PROVEN") {
			t.Errorf("%s: forced: %v\n%s", tt.name, err, forced)
		}
	}
}

// without takes the marked lines out.
func without(out string) string {
	var b strings.Builder
	for l := range strings.Lines(out) {
		if !strings.HasPrefix(l, Mark) {
			b.WriteString(l)
		}
	}
	return b.String()
}

func TestAmbiguousNamesShowEveryCandidate(t *testing.T) {
	out, _, err := decoded(t, Options{Finder: Finder{Vmlinux: tinyKernel(t)}}, " twin+0x4/0x40\n")
	if err != nil || !strings.Contains(out, Mark+"(2 symbols of that name and size)") {
		t.Errorf("%v\n%s", err, out)
	}
}

const panicLog = "BUG: kernel NULL pointer dereference, address: 0000000000000010\r\n" +
	"CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0-tiny #1  " + tinyBuildID + "\r\n" +
	"RIP: 0010:first+0x4/0x20\r\n" +
	"Call Trace:\r\n <TASK>\r\n second+0x4/0x20\r\n 0xffffffff91000068\r\n twin+0x4/0x40\r\n </TASK>\r\n" +
	"Kernel panic - not syncing: Fatal exception\r\n" +
	"Kernel Offset: 0x10000000 from 0xffffffff81000000\r\n"

func TestAddressesAreAnsweredWhenTheSlideIsKnown(t *testing.T) {
	out, _, err := decoded(t, Options{Finder: Finder{Vmlinux: tinyKernel(t)}}, panicLog)
	want := "Kernel Offset: 0x10000000 from 0xffffffff81000000\r\n" + Mark + "0xffffffff91000068 (no debug information) in second+0x8/0x20\r\n"
	if err != nil || !strings.Contains(out, want) {
		t.Errorf("%v\n%s", err, out)
	}
	out, _, _ = decoded(t, Options{Finder: Finder{Vmlinux: tinyKernel(t)}}, "Linux version 6.1.0-tiny (me@here) (gcc) #1 SMP Tiny 6.1.0-1 (2026-01-01)\n [<ffffffff91000008>] first+0x8/0x20\n [<ffffffff91000068>]\n")
	if !strings.Contains(out, "[<ffffffff91000068>]\n"+Mark+"(no debug information) in second+0x8/0x20\n") {
		t.Errorf("an address beside a name tells the slide:\n%s", out)
	}
}

func TestDecodingAgainGivesTheSameBytes(t *testing.T) {
	vmlinux := tinyKernel(t)
	for _, layout := range []Layout{Own, Script, Syzbot} {
		for _, log := range []string{panicLog, strings.TrimRight(panicLog, "\r\n"), panicLog + panicLog, " first+0x4/0x20"} {
			o := Options{Layout: layout, Finder: Finder{Vmlinux: vmlinux}}
			once, _, err := decoded(t, o, log)
			if err != nil {
				t.Fatal(err)
			}
			twice, _, err := decoded(t, o, once)
			if err != nil || once != twice {
				t.Errorf("%s: %v\n%s\nthen\n%s", layout, err, once, twice)
			}
			bare, _, err := decoded(t, Options{Layout: layout}, once)
			if err != nil || bare != once {
				t.Errorf("%s without symbols: %v\n%s\nthen\n%s", layout, err, once, bare)
			}
		}
	}
}

func TestToBeOutOfMemoryIsACrashOnlyIfTheKernelSaysSo(t *testing.T) {
	const report = "sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n" +
		"CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0 #1\nCall Trace:\n f+0x1/0x2\n"
	for log, want := range map[string]bool{
		report: false,
		report + "Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled\n": true,
	} {
		out, _, err := decoded(t, Options{}, log)
		if err != nil || strings.Contains(out, Mark+keyCrash) != want {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

func TestALineAppearsBeforeTheNextOneComes(t *testing.T) {
	toUs, fromThem := io.Pipe()
	answers, out := io.Pipe()
	o := Options{Finder: Finder{Vmlinux: tinyKernel(t)}}
	a, err := NewAnnotator(out, &o)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(toUs) }() // ends when the log does
	in := bufio.NewReader(answers)
	for _, step := range []struct{ send, want string }{
		{"hello\n", "hello\n"},
		{" first+0x4/0x20\n", " first+0x4/0x20\n" + Mark + "(no debug information)\n"},
		{"bye\n", "bye\n"},
	} {
		if _, err := io.WriteString(fromThem, step.send); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(step.want))
		if _, err := io.ReadFull(in, got); err != nil || string(got) != step.want {
			t.Fatalf("%q, %v", got, err)
		}
	}
	fromThem.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestOnlyATerminalGetsColoursAndSpelledOutBytes(t *testing.T) {
	const log = "a\x1b[2Jb\n first+0x4/0x20\n"
	vmlinux := tinyKernel(t)
	piped, _, _ := decoded(t, Options{Finder: Finder{Vmlinux: vmlinux}}, log)
	if want := log + Mark + "(no debug information)\n"; piped != want {
		t.Errorf("%q", piped)
	}
	spell := func(b []byte) string { return strings.ReplaceAll(string(b), "\x1b", `\x1b`) }
	shown, _, _ := decoded(t, Options{Finder: Finder{Vmlinux: vmlinux}, Color: true, Printable: spell}, log)
	if want := `a\x1b[2Jb` + "\n first+0x4/0x20\n" + dim + Mark + "(no debug information)" + plain + "\n"; shown != want {
		t.Errorf("%q, want %q", shown, want)
	}
}

// FuzzNothingIsLostOrMoved gives any text to every layout. The input's lines are
// lines of the output, in order, where no layout rewrites them.
func FuzzNothingIsLostOrMoved(f *testing.F) {
	f.Add([]byte(panicLog))
	f.Add([]byte("a\x00b\r\r\n\n first+0x4/0x20"))
	f.Add([]byte(Mark + "x\n first+0x4/0x20\n" + Mark + "(no debug information)\n"))
	f.Add([]byte("epc : first+0x4/0x20 ra : second+0x4/0x20\n? [<ffffffff81000009>]"))
	vmlinux := tinyKernel(f)
	f.Fuzz(func(t *testing.T, log []byte) {
		out, _, err := decoded(t, Options{Finder: Finder{Vmlinux: vmlinux}}, string(log))
		if err != nil && !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
		inOrder(t, string(log), out)
		for _, layout := range []Layout{Own, Script, Syzbot} {
			got, _, err := decoded(t, Options{Layout: layout}, string(log))
			if err != nil {
				t.Fatal(err)
			}
			inOrder(t, string(log), got)
		}
		var slow bytes.Buffer
		a, err2 := NewAnnotator(&slow, &Options{Finder: Finder{Vmlinux: vmlinux}})
		if err2 != nil {
			t.Fatal(err2)
		}
		defer a.Close()
		if err2 := a.Run(iotest.OneByteReader(bytes.NewReader(log))); (err2 == nil) != (err == nil) || slow.String() != out {
			t.Fatalf("byte by byte: %v\n%q\nat once: %v\n%q", err2, slow.String(), err, out)
		}
		again, _, err := decoded(t, Options{Finder: Finder{Vmlinux: vmlinux}}, out)
		if err == nil && again != out {
			t.Fatalf("decoded again:\n%q\nthen\n%q", out, again)
		}
	})
}

// inOrder checks that every line of a log is a line of the output.
func inOrder(t *testing.T, log, out string) {
	t.Helper()
	rest := out
	for l := range strings.Lines(log) {
		at := lineIn(rest, l)
		if at < 0 {
			t.Fatalf("line %q is lost\n%q", l, out)
		}
		rest = rest[at+len(l):]
	}
}

// lineIn finds a line at the start of a line, -1 if it is not there. The last line
// of a log gets an end when something is added behind it.
func lineIn(text, line string) int {
	for at := 0; at <= len(text); {
		if strings.HasPrefix(text[at:], line) {
			return at
		}
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			return -1
		}
		at += i + 1
	}
	return -1
}

// endless gives a log of a size without keeping it.
type endless struct {
	line []byte
	left int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n+len(e.line) <= len(p) {
		n += copy(p[n:], e.line)
	}
	e.left -= n
	return n, nil
}

func TestALogOfAnySizeNeedsTheSameMemory(t *testing.T) {
	for name, line := range map[string]string{
		"nothing in it":   "[    1.0] pci 0000:00:02.0: BAR 4: assigned\n",
		"frames":          " first+0x4/0x20\n",
		"bare addresses":  " [<ffffffff81000009>]\n",
		"crashes":         "BUG: kernel NULL pointer dereference, address: 0000000000000010\nRIP: 0010:first+0x4/0x20\n",
		"many caller ids": "[    1.0][    C1] BUG: kernel NULL pointer dereference, address: 0\n[    1.0][    C2] BUG: unable to handle page fault for address: f\n",
		"no line end":     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	} {
		a, err := NewAnnotator(io.Discard, &Options{Finder: Finder{Vmlinux: tinyKernel(t)}})
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		if err := a.Run(&endless{[]byte(line), 4 << 20}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		a.Close()
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 3<<20 {
			t.Errorf("%s: %d KB are kept", name, grown>>10)
		}
	}
}

func TestTheVmlinuxIsFoundByWhatTheLogSays(t *testing.T) {
	t.Chdir(filepath.Dir(tinyKernel(t)))
	const frame = " first+0x4/0x20\n"
	for name, tt := range map[string]struct {
		log   string
		found bool
	}{
		"by build-id":          {"CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0-tiny #1  " + tinyBuildID + "\n" + frame, true},
		"by release":           {"CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0-tiny #1\n" + frame, true},
		"another build-id":     {"CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0-tiny #1  " + strings.Repeat("0", 40) + "\n" + frame, false},
		"another release":      {"CPU: 0 PID: 1 Comm: sh Not tainted 6.2.0-tiny #1\n" + frame, false},
		"the log says nothing": {frame, false},
	} {
		out, said, err := decoded(t, Options{}, tt.log)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := strings.Contains(out, Mark+"(no debug information)"); got != tt.found || strings.Contains(said, "using ") != tt.found {
			t.Errorf("%s: found %v, said %q\n%s", name, got, said, out)
		}
	}
}
