//go:build qemu

package session_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ktrap/session"
	"ktrap/session/guest"
	"ktrap/session/vm"
	"ktrap/symbols/addr"
)

// feature is a row of the table: what ktrap gives a debugger, and how that is seen.
type feature struct {
	part  string // of what ktrap delivers to gdb
	name  string
	steps []step
	args  []string // of a process of its own
	lldb  []step   // nil: not tried with LLDB
	never string   // why LLDB cannot pass it; docs/gdb.md says so, too
}

// step is one command and what must be said to it.
type step struct {
	do    string   // the command; "" for what begins in the guest or is a key
	want  []string // in this order
	not   string   // must not be said; "" if nothing must not
	guest string   // is begun in the guest before the command, and ends by itself
	until string   // what ends the answer, of MI; "" for the prompt
	key   bool     // Ctrl-C once the command has been taken
}

// Bounds for one command of the table, and for the table. Without an index gdb 13
// needs half a minute of CPU for its first type.
const (
	gdbWaits  = 4 * time.Minute
	tableWait = 30 * time.Minute
)

// debugger is a column of the table.
type debugger struct {
	program, version string
	lldb             bool
	marks            map[string]string // by row; the log has what went wrong
}

// alwaysShown is how many columns there are in any case.
const alwaysShown = 3

// findDebuggers are those of $PATH and $KTRAP_GDBS. Of one that is not here the
// column says so.
func findDebuggers(t *testing.T) []*debugger {
	t.Helper()
	var list []*debugger
	names := []string{"gdb", "gdb-multiarch", "lldb"}
	for v := 14; v < 30; v++ {
		names = append(names, fmt.Sprintf("gdb-%d", v))
	}
	for _, name := range append(names, filepath.SplitList(os.Getenv("KTRAP_GDBS"))...) {
		d := &debugger{program: name, lldb: strings.Contains(filepath.Base(name), "lldb"), marks: map[string]string{}}
		out, err := exec.CommandContext(t.Context(), name, "--version").Output()
		if err != nil && len(list) >= alwaysShown {
			continue // not one of those that are always shown
		}
		if err == nil {
			first, _, _ := strings.Cut(string(out), "\n")
			fields := strings.Fields(first)
			d.version = fields[len(fields)-1]
		}
		list = append(list, d)
	}
	return list
}

func TestEveryFeatureWithEveryDebugger(t *testing.T) {
	m := boot(t, "6.1", func(o *vm.Options) { o.Append += " no_timer_check" }) // it boots on a busy host, too
	o := m.options(t)
	o.Listen = "127.0.0.1:0"
	o.ModuleDirs = []string{someModules(t, o.ModuleDirs[0])}
	all := features()
	debuggers := findDebuggers(t)
	tmp := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), tableWait)
	defer cancel()
	err := session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		p := words{strings.NewReplacer("PORT", s.ListenAddr(), "VMLINUX", o.Vmlinux, "MODULES", o.ModuleDirs[0], "TMP", tmp)}
		for i, d := range debuggers {
			if d.version == "" {
				continue
			}
			if i > 0 && debuggers[i-1].marks[rebootRow] != "pass" { // it has let the guest panic
				m.reset(ctx, t, s)
			}
			g := m.loginFarOff(ctx, t, s)
			in := startShell(ctx, t, g)
			began := time.Now()
			if d.lldb {
				d.runLLDB(ctx, t, m, s, p, in, all)
			} else {
				d.runGDB(ctx, t, p, in, all)
			}
			t.Logf("%s %s took %v", d.program, d.version, time.Since(began).Round(time.Second))
			g.Close()
			writeGDBTable(t, all, debuggers) // what there is, should a later one hang
		}
		return nil
	})
	if err != nil {
		t.Errorf("session: %v", err)
	}
}

// ambiguous is up to which slide there may be memory at a CPU's copy of a per-CPU
// variable moved by it, which ends that far from the end of RAM: then what debuggers
// compute for it is that memory's address, too, and ktrap lets them have that.
const ambiguous = 0x1400000

// loginFarOff logs in to a guest whose kernel is moved farther than that, which is
// booted until it is.
func (m *machine) loginFarOff(ctx context.Context, t *testing.T, s *session.Session) *guest.Guest {
	t.Helper()
	for {
		g := m.login(ctx, t, s)
		if slide(ctx, t, s) >= ambiguous {
			return g
		}
		g.Close()
		m.reset(ctx, t, s)
	}
}

// slide is how far KASLR has moved the kernel.
func slide(ctx context.Context, t *testing.T, s *session.Session) addr.Slide {
	t.Helper()
	var by addr.Slide
	if err := s.Quiesced(ctx, func(_ context.Context, v *session.Stopped) error {
		by = v.World.Kernel.Slide
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return by
}

// reset boots the guest anew.
func (m *machine) reset(ctx context.Context, t *testing.T, s *session.Session) {
	t.Helper()
	began := m.Console().Offset()
	if err := m.QMP().Do(ctx, "system_reset", nil, nil); err != nil {
		t.Fatal(err)
	}
	resume(ctx, t, s)
	if _, err := m.Console().WaitFor(ctx, began, "guest is ready"); err != nil {
		t.Fatal(err)
	}
}

// someModules is a folder with the modules of the guest, but for one that is not
// there and one that is compressed.
func someModules(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join(from, "*.ko"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no modules in %s: %v", from, err)
	}
	for _, f := range files {
		switch filepath.Base(f) {
		case "failover.ko":
		case "net_failover.ko":
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			_, err = z.Write(data)
			if err = errors.Join(err, z.Close(), os.WriteFile(filepath.Join(dir, "net_failover.ko.gz"), packed.Bytes(), 0o600)); err != nil {
				t.Fatal(err)
			}
		default:
			if err := os.Symlink(f, filepath.Join(dir, filepath.Base(f))); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// words are what stands for a place in the commands: PORT, VMLINUX, MODULES, TMP.
type words struct{ *strings.Replacer }

func (w words) all(list []string) []string {
	out := slices.Clone(list)
	for i := range out {
		out[i] = w.Replace(out[i])
	}
	return out
}

// runGDB takes one gdb through all rows.
func (d *debugger) runGDB(ctx context.Context, t *testing.T, p words, in *shell, all []feature) {
	t.Helper()
	common := startProgram(t, d.program)
	defer common.kill()
	for _, f := range all {
		gdb := common
		if f.name == dapRow {
			d.editor(ctx, t, p)
			continue
		}
		if f.args != nil {
			gdb = startProgram(t, d.program, p.all(f.args)...)
		}
		d.marks[f.name] = "pass"
		for _, st := range f.steps {
			if err := gdb.try(ctx, p, in, st); err != nil {
				d.marks[f.name] = "fail"
				t.Errorf("%s: %s: %s: %v", d.program, f.name, st.do, err)
				break
			}
		}
		if gdb != common {
			gdb.kill()
		}
	}
}

// editor takes a debugger through the row of its debug adapter, if it has one.
func (d *debugger) editor(ctx context.Context, t *testing.T, p words) {
	t.Helper()
	if d.adapter() == nil {
		return
	}
	d.marks[dapRow] = "pass"
	if err := d.runDAP(ctx, p); err != nil {
		d.marks[dapRow] = "fail"
		t.Errorf("%s: %s: %v", d.adapter()[0], dapRow, err)
	}
}

// try takes one step and says what is wrong with what came.
func (g *gdb) try(ctx context.Context, p words, in *shell, st step) error {
	if st.guest != "" {
		if err := in.begin(st.guest); err != nil {
			return fmt.Errorf("begin %q in the guest: %w", st.guest, err)
		}
	}
	if st.do == "" {
		return nil
	}
	if _, err := fmt.Fprintln(g.in, p.Replace(st.do)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, gdbWaits)
	defer cancel()
	if st.key {
		if _, err := g.await(ctx, "Continuing."); err != nil {
			return err
		}
		if err := g.cmd.Process.Signal(syscall.SIGINT); err != nil {
			return err
		}
	}
	got, err := g.await(ctx, cmp.Or(st.until, prompt))
	if err != nil {
		return err
	}
	rest := got
	for _, w := range st.want {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			return fmt.Errorf("no %q, or not in this place, in:\n%s", w, got)
		}
		rest = after
	}
	if st.not != "" && strings.Contains(got, st.not) {
		return fmt.Errorf("%q in:\n%s", st.not, got)
	}
	return nil
}

// writeGDBTable prints the table, and writes it where KTRAP_TABLES says.
func writeGDBTable(t *testing.T, all []feature, debuggers []*debugger) {
	t.Helper()
	var b strings.Builder
	b.WriteString("| | what |")
	for _, d := range debuggers {
		fmt.Fprintf(&b, " %s |", strings.TrimSpace(filepath.Base(d.program)+" "+d.version))
	}
	older := len(debuggers) == alwaysShown
	if older {
		b.WriteString(" newer gdb |")
	}
	b.WriteString("\n|" + strings.Repeat("---|", strings.Count(b.String(), "|")-1) + "\n")
	for _, f := range all {
		fmt.Fprintf(&b, "| %s | %s |", f.part, f.name)
		for _, d := range debuggers {
			mark := d.marks[f.name]
			if mark == "" {
				mark = "not run"
			}
			fmt.Fprintf(&b, " %s |", mark)
		}
		if older {
			b.WriteString(" not run |")
		}
		b.WriteByte('\n')
	}
	t.Logf("\n%s", b.String())
	dir := os.Getenv("KTRAP_TABLES")
	if dir == "" || testing.Short() {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "# What works behind ktrap with which debugger\n\nMade by `make integration` (session, TestEveryFeatureWithEveryDebugger) on Linux 6.1 under QEMU TCG, with every gdb in\n`PATH` or `$KTRAP_GDBS` and with lldb. `not run`: the debugger is not here, or the row was not tried with it.\n\n" + b.String()
	if err := os.WriteFile(filepath.Join(dir, "gdb.md"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
