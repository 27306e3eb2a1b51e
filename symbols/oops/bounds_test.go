package oops

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"testing"
)

// hostile are logs of about n bytes that were made to be dear.
func hostile(n int) map[string]string {
	deep := "BUG: kernel NULL pointer dereference, address: 0\nCall Trace:\n"
	return map[string]string{
		"one line":                  strings.Repeat("x", n),
		"one line of brackets":      strings.Repeat("[", n),
		"lines of brackets":         strings.Repeat("[[[[[[[[[[[[[[[\n", n/16),
		"addresses without end":     strings.Repeat("[<", n/2),
		"heads":                     strings.Repeat("BUG: x\n", n/7),
		"heads of many callers":     callers("BUG: x", n),
		"stalls":                    strings.Repeat("INFO: task a:1 blocked for more than 143 seconds.\n", n/50),
		"one line of heads":         strings.Repeat("BUG: ", n/5),
		"one line of wildcard bait": "BUG: " + strings.Repeat("Dentry still in use ( [unmount of ", n/34),
		"contexts in contexts":      deep + strings.Repeat(" <IRQ>\n f+0x1/0x2\n", n/18),
		"dumps":                     strings.Repeat("Oops#1 Part1\nx\n", n/15),
		"stamps in a line":          strings.Repeat("x [    1.00000 ", n/15),
		"reports in reports":        strings.Repeat("BUG: x\nCall Trace:\n <TASK>\n f+0x1/0x2\n", n/37),
		"kernels that start over":   strings.Repeat("[    1.000000] x\nBooting the kernel.\n", n/36),
		"programs in a journal":     strings.Repeat("Nov 22 20:30:34 host sh[77]: BUG: x\n", n/36),
		"escapes":                   strings.Repeat("\x1b[", n/2),
		"mangled":                   "BUG: x\nCall Trace:\n" + strings.Repeat(" _RNvB_"+strings.Repeat("B_", 300)+"+0x1/0x2\n", n/620),
	}
}

func callers(text string, n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "[    1.000000][ T%d] %s\n", i, text)
	}
	return b.String()
}

// TestWorkGrowsAsTheLog counts what is done for logs made to be dear: the steps
// of the patterns and the lines kept, which every other cost is a multiple of.
func TestWorkGrowsAsTheLog(t *testing.T) {
	const n = 40_000
	small, large := hostile(n), hostile(2*n)
	for name := range small {
		a, b := work(small[name]), work(large[name])
		if b > 2*a+a/4+10_000 {
			t.Errorf("%s: %d steps for %d bytes, %d for twice as many", name, a, len(small[name]), b)
		}
	}
}

// work counts lines, lines kept and steps.
func work(log string) int {
	steps := 0
	g := segmenter{}
	g.done = func(s *segment) {
		o := s.oops()
		steps += len(s.entries) + len(o.Traces)
	}
	for l := range Lines(strings.NewReader(log)) {
		g.line(l)
		steps += 1 + len(g.open) + stepsOf(l.Text)
	}
	g.flush()
	return steps
}

// stepsOf counts the steps of every pattern that a line is tried on.
func stepsOf(line string) int {
	steps := 0
	for set := headMarks().in(line); set != 0; set &= set - 1 {
		for i := range heads() {
			if set&(1<<i) == 0 {
				continue
			}
			for j := range heads()[i].forms {
				_, n, _ := heads()[i].forms[j].match.match(line)
				steps += n
			}
		}
	}
	return steps
}

func TestNoPatternTakesMoreStepsThanItMay(t *testing.T) {
	for i := range heads() {
		for j := range heads()[i].forms {
			f := &heads()[i].forms[j]
			bait := strings.Repeat(strings.NewReplacer("{", " ", "}", " ", "*", " ").Replace(string(f.match)), 40)
			if _, n, _ := f.match.match(bait); n > maxSteps+1 {
				t.Errorf("%q takes %d steps", f.match, n)
			}
			if _, n, ok := f.match.match(f.sample); ok && n > maxSteps/10 {
				t.Errorf("%q takes %d steps on its sample", f.match, n)
			}
		}
	}
}

// endless gives text again and again, n bytes of it.
func endless(text string, n int64) io.Reader {
	return io.LimitReader(&cycle{text: text}, n)
}

type cycle struct {
	text string
	at   int
}

func (c *cycle) Read(p []byte) (int, error) {
	n := copy(p, c.text[c.at:])
	c.at = (c.at + n) % len(c.text)
	return n, nil
}

func TestMemoryDoesNotGrowWithTheLog(t *testing.T) {
	const megabytes = 8
	for name, text := range map[string]string{
		"plain lines":        string(plainLog(1 << 16)),
		"many callers":       callers("WARNING: x", 1<<12) + string(plainLog(1<<16)),
		"one caller of many": "[    1.000000][    T7] BUG: x\n" + string(plainLog(1<<19)),
		"lines without end":  strings.Repeat("x", 1<<16),
		"one report":         "[    1.000000]  f+0x1/0x2\n",
	} {
		t.Run(name, func(t *testing.T) {
			var most uint64
			read := 0
			var mem runtime.MemStats
			g := segmenter{done: func(s *segment) { s.oops() }}
			g.line(Line{Text: "BUG: kernel NULL pointer dereference, address: 0"})
			for l := range Lines(endless(text, megabytes<<20)) {
				g.line(l)
				if read += len(l.Raw); read > 2<<20 {
					read = 0
					runtime.GC()
					runtime.ReadMemStats(&mem)
					most = max(most, mem.HeapAlloc)
				}
			}
			if most > megabytes<<20 {
				t.Errorf("%d MiB are held of %d MiB read", most>>20, megabytes)
			}
		})
	}
}

// TestALivePipeIsNotHeldUp reads each line before the next is written.
func TestALivePipeIsNotHeldUp(t *testing.T) {
	r, w := io.Pipe()
	next, stop := iter.Pull2(Lines(r))
	defer stop()
	for i := range 3 {
		line := fmt.Sprintf("[    1.00000%d] line\n", i)
		go w.Write([]byte(line))
		if l, err, ok := next(); !ok || err != nil || string(l.Raw) != line {
			t.Fatalf("have %q, %v, %v", l.Raw, err, ok)
		}
	}
	w.Close()
}

func TestACrashOfATaskThatFellSilentIsTold(t *testing.T) {
	log := "[    1.0][    T1] BUG: foo\n" + strings.Repeat("[    1.1][    T2] bar\n", 2*maxAway)
	for o, err := range Crashes(io.MultiReader(strings.NewReader(log), failing{})) {
		if err != nil || o.Title != "BUG: foo" {
			t.Fatalf("have %q, %v before the crash", o.Title, err)
		}
		return
	}
}

func TestACrashIsToldWhenThePanicIsOver(t *testing.T) {
	log := "[    1.0] BUG: foo\n[    1.1] Kernel panic - not syncing: panic_on_warn set ...\n[    1.2] ---[ end Kernel panic - not syncing: panic_on_warn set ... ]---\n"
	for o, err := range Crashes(io.MultiReader(strings.NewReader(log), failing{})) {
		if err != nil || o.Title != "BUG: foo" || o.End != len(log) {
			t.Fatalf("have %q to %d, %v before the crash", o.Title, o.End, err)
		}
		return
	}
}

// failing is a stream that breaks.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestReportsOfLongLinesAreBounded(t *testing.T) {
	log := "BUG: foo\n" + strings.Repeat(strings.Repeat("x", 60_000)+"\n", 100)
	all := Parse([]byte(log))
	if len(all) != 1 || !all[0].Corrupted || len(all[0].Report) > 2*maxReportBytes {
		t.Errorf("have %d crashes, want one that is marked as cut", len(all))
	}
	if !bytes.HasPrefix(all[0].Report, []byte("BUG: foo\n")) {
		t.Errorf("the report begins with %q", all[0].Report[:20])
	}
}
