//go:build qemu

package session_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ktrap/session"
	"ktrap/session/debug"
	"ktrap/session/unwind"
	"ktrap/symbols/addr"
)

// wantAgreement is the share of variables that gdb and ktrap must agree about.
const wantAgreement = 0.98

// localsRow is one line of the table.
type localsRow struct {
	name, series   string
	frames         int
	agree, missing int // missing: both have no value, part of agree
	unnamed        int // named by gdb only, and without a value
	differ         []difference
}

// difference is a variable that ktrap and gdb do not agree about.
type difference struct{ where, name, ours, gdbs string }

// The arguments and locals of each level of each crash's stack are those that
// gdb gives for the same frame.
func TestTheVariablesOfEveryFrameAreGDBs(t *testing.T) {
	all := []string{"6.1", "6.12"}
	if testing.Short() {
		all = all[:1]
	}
	var rows []localsRow
	for _, series := range all {
		t.Run(series, func(t *testing.T) {
			vmlinux, err := prepared(t, series).Path("vmlinux")
			if err != nil {
				t.Fatal(err)
			}
			g := startGDB(t, vmlinux)
			for _, set := range []string{"print frame-arguments none", "print pretty off", "print repeats unlimited"} {
				g.do(t, "set %s", set)
			}
			g.want(t, "info line vfs_write", "fs/read_write.c") // reads the index, once
			for _, c := range stackCases {
				if testing.Short() && !slices.Contains(shortCases, c.keyword) {
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					row := localsRow{name: c.name, series: series}
					m := boot(t, series, nil)
					run(t, m.options(t), func(ctx context.Context, s *session.Session) {
						m.crash(ctx, t, s, c.keyword)
						row.compare(ctx, t, s, g, c.keyword)
					})
					rows = append(rows, row)
				})
			}
		})
	}
	writeLocalsTable(t, rows)
}

// compare asks both about every level of the stack of a crash.
func (r *localsRow) compare(ctx context.Context, t *testing.T, s *session.Session, g *gdb, keyword string) {
	t.Helper()
	d := debug.New(s)
	levels, _, err := d.Backtrace(ctx)
	if err != nil {
		t.Fatal(err)
	}
	vars, err := d.LevelLocals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var frames []unwind.Frame
	var modules map[addr.Addr]string
	err = s.Do(ctx, func(ctx context.Context, v *session.Stopped) error {
		cpu, err := v.StopCPU(ctx)
		if err != nil {
			return err
		}
		frames, err = v.Frames(ctx, cpu)
		modules = symbolFiles(v, frames)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for at, m := range modules {
		g.want(t, "add-symbol-file "+m, "Reading symbols from")
		defer g.do(t, "remove-symbol-file -a %#x", uint64(at))
	}
	g.want(t, "target remote "+serveFrames(ctx, t, s, frames), "Remote debugging using")
	inner := 0 // level in its physical frame
	for i, l := range levels {
		if inner++; i == 0 || levels[i-1].Phys != l.Phys {
			inner = 0
			g.do(t, "thread %d", l.Phys+1)
		}
		if l.Func == "" || frames[l.Phys].User {
			continue
		}
		if strings.HasPrefix(l.Func, "vfs_write") {
			wantWritten(t, vars[i], keyword)
		}
		r.frames++
		r.level(t, g, inner, fmt.Sprintf("#%d %s", i, l.Func), vars[i])
	}
	g.do(t, "disconnect")
}

// wantWritten checks that vfs_write's buffer is known, whose address lies in a
// register that the module saves: both could agree that it is lost.
func wantWritten(t *testing.T, vars []debug.Variable, keyword string) {
	t.Helper()
	n := slices.IndexFunc(vars, func(v debug.Variable) bool { return v.Name == "buf" })
	if n < 0 || !strings.Contains(vars[n].Text, `"`+keyword) {
		t.Errorf("vfs_write: no buf with %q in %+v", keyword, vars)
	}
}

// symbolFiles are the arguments of add-symbol-file for the modules on the stack,
// by where their code lies.
func symbolFiles(v *session.Stopped, frames []unwind.Frame) map[addr.Addr]string {
	out := make(map[addr.Addr]string)
	for _, m := range v.World.Symbols.Modules() {
		here := slices.ContainsFunc(frames, func(f unwind.Frame) bool {
			im, _, ok := v.World.Symbols.Home(f.LookupPC())
			return ok && im == m.Image
		})
		if m.Image == nil || !here {
			continue
		}
		line := m.Image.Path()
		for name, at := range m.Sections {
			_, _, ok := m.Image.File().SectionAddr(name)
			if ok && !strings.HasPrefix(name, ".note") && !strings.HasPrefix(name, ".init") { // the init part is gone
				line += fmt.Sprintf(" -s %s %#x", name, uint64(at))
			}
		}
		out[m.Sections[".text"]] = line
	}
	return out
}

// gdbVariable is a line of `info args` or `info locals`.
var gdbVariable = regexp.MustCompile(`(?m)^(\w+) = (.*)$`)

// What the two write differently; see plainValue.
var (
	noValue     = regexp.MustCompile(`<optimized out>|<not saved>|<unavailable>|<synthetic pointer>|<locate [^<>]*: register not known>`)
	noMemory    = regexp.MustCompile(`^<(?:read \d+ bytes at|error reading variable) .*>$`)
	pointerType = regexp.MustCompile(`\([^()]*(?:\([^()]*\)[^()]*)*\) 0x`)
	symbolOf    = regexp.MustCompile(`(0x[0-9a-f]+) <[^<>]*>`)
	pointedTo   = regexp.MustCompile(`^(0x[0-9a-f]+) ["'].*$`)
	sameChars   = regexp.MustCompile(`\{\d+ '([^']+)' <repeats (\d+) times>\}`)
	sameNumbers = regexp.MustCompile(`([^{},"]+) <repeats (\d+) times>`)
	zerosAtEnd  = regexp.MustCompile(`(?:\\000)+"`)
	octal       = strings.NewReplacer(`\a`, `\007`, `\b`, `\010`, `\v`, `\013`, `\f`, `\014`)
)

const notListed = "not listed"

// level compares the variables of one level.
func (r *localsRow) level(t *testing.T, g *gdb, inner int, where string, ours []debug.Variable) {
	t.Helper()
	at := g.do(t, "frame %d", inner)
	text := g.do(t, "info args") + "\n" + g.do(t, "info locals")
	gdbs := make(map[string][]string)
	for _, m := range gdbVariable.FindAllStringSubmatch(text, -1) {
		gdbs[m[1]] = append(gdbs[m[1]], plainValue(m[2]))
	}
	_, fn, _ := strings.Cut(where, " ")
	fn, _, _ = strings.Cut(fn, ".")
	if len(ours) > 0 && !strings.Contains(at, fn+" (") {
		t.Errorf("%s: gdb stands at %s", where, at)
	}
	for _, v := range ours {
		d := difference{where: where, name: v.Name, ours: plainValue(v.Text), gdbs: notListed}
		if list := gdbs[v.Name]; len(list) > 0 {
			n := max(slices.Index(list, d.ours), 0) // gdb lists the names of other blocks too
			d.gdbs = list[n]
			gdbs[v.Name] = slices.Delete(list, n, n+1)
		}
		r.count(d)
	}
	for name, list := range gdbs {
		for _, text := range list {
			r.count(difference{where: where, name: name, ours: notListed, gdbs: text})
		}
	}
}

// plainValue leaves out what the two write differently: why there is no value,
// the types of pointers and what they point to, how often an element repeats,
// whether characters that do not print are numbers, and the zeros behind a string.
func plainValue(text string) string {
	text = noValue.ReplaceAllString(text, "none")
	text = noMemory.ReplaceAllString(text, "no memory")
	text = pointerType.ReplaceAllString(text, "0x")
	text = symbolOf.ReplaceAllString(text, "$1")
	text = pointedTo.ReplaceAllString(text, "$1")
	text = sameChars.ReplaceAllStringFunc(text, func(run string) string {
		m := sameChars.FindStringSubmatch(run)
		return `"` + repeated(m[1], m[2], "") + `"`
	})
	text = sameNumbers.ReplaceAllStringFunc(text, func(run string) string {
		m := sameNumbers.FindStringSubmatch(run)
		return repeated(m[1], m[2], ", ")
	})
	return zerosAtEnd.ReplaceAllString(octal.Replace(text), `"`)
}

func repeated(element, times, sep string) string {
	n, _ := strconv.Atoi(times)
	return strings.TrimSuffix(strings.Repeat(strings.TrimSpace(element)+sep, min(n, 1000)), sep)
}

func (r *localsRow) count(d difference) {
	switch {
	case d.ours == d.gdbs && d.ours == "none":
		r.missing++
		r.agree++
	case d.ours == d.gdbs:
		r.agree++
	case d.ours == notListed && d.gdbs == "none":
		r.unnamed++
	default:
		r.differ = append(r.differ, d)
	}
}

// localsHead says what the table is.
const localsHead = `# Arguments and locals = gdb's

Made by ` + "`make integration`" + ` (session, TestTheVariablesOfEveryFrameAreGDBs) under QEMU TCG.

gdb cannot unwind through an exception, so each physical frame is shown to it as a thread
of its own, with the registers that ktrap's unwinder found and the memory of the guest; gdb
makes its inlined levels, locations and entry values of that by itself. For every level of
the stack, from the kernel's own reporting down to the first, what ` + "`bt -l`" + ` shows is compared with
gdb's ` + "`info args`" + ` and ` + "`info locals`" + `. Two that have no value agree. gdb also names variables
of blocks that the compiler removed altogether: they have no value and are not compared.

`

// causes are the differences that are understood.
var causes = []struct {
	text string
	is   func(d difference) bool
}{
	{"gdb lists static variables of blocks that the pc is not in", func(d difference) bool {
		return d.ours == notListed && strings.HasPrefix(d.gdbs, "0x") && d.name == "___tp_str"
	}},
}

const unexplained = "not explained"

func causeOf(d difference) string {
	for _, c := range causes {
		if c.is(d) {
			return c.text
		}
	}
	return unexplained
}

// localsTable renders the rows, and gives the sums.
func localsTable(rows []localsRow) (text string, agree, total int) {
	var b strings.Builder
	fmt.Fprintf(&b, "| crash | kernel | levels | variables | agree | of these without a value | differ | named by gdb only, without a value |\n|---|---|---|---|---|---|---|---|\n")
	by := make(map[string]int)
	for _, r := range rows {
		n := r.agree + len(r.differ)
		agree, total = agree+r.agree, total+n
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %d | %d |\n", r.name, r.series, r.frames, n, r.agree, r.missing, len(r.differ), r.unnamed)
		for _, d := range r.differ {
			by[causeOf(d)]++
		}
	}
	fmt.Fprintf(&b, "\n%d of %d variables agree.\n", agree, total)
	for _, cause := range slices.Sorted(maps.Keys(by)) {
		fmt.Fprintf(&b, "%d differ: %s.\n", by[cause], cause)
	}
	return b.String(), agree, total
}

// writeLocalsTable prints the table, and writes it where KTRAP_TABLES says.
func writeLocalsTable(t *testing.T, rows []localsRow) {
	t.Helper()
	text, agree, total := localsTable(rows)
	t.Logf("\n%s", text)
	for _, r := range rows {
		for _, d := range r.differ {
			t.Logf("%s %s: %s: %s\n   ktrap %s\n   gdb   %s", r.series, r.name, d.where, d.name, d.ours, d.gdbs)
			if (d.gdbs == "none" || d.ours == "none") && causeOf(d) == unexplained {
				t.Errorf("%s %s: %s: %s: one of the two has no value, and nothing says why", r.series, r.name, d.where, d.name)
			}
		}
	}
	if float64(agree) < wantAgreement*float64(total) || total == 0 {
		t.Errorf("%d of %d variables agree, want %.0f %%", agree, total, 100*wantAgreement)
	}
	if dir := os.Getenv("KTRAP_TABLES"); dir != "" && !testing.Short() {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "locals.md"), []byte(localsHead+text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
