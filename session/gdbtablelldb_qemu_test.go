//go:build qemu

package session_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ktrap/session"
)

// lldbWaits bounds one text of LLDB's. It hangs rather than fail.
const lldbWaits = 20 * time.Second

// lldbTries is how often a row is tried when LLDB hangs. LLDB 14 disassembles the
// whole kernel, for minutes, to unwind through a function that has a .cold part, and
// at every stop it unwinds what the other CPU happens to do.
const lldbTries = 4

// lldbRun is LLDB on its way through its rows, with the guest they are about.
type lldbRun struct {
	*gdb
	machine *machine
	session *session.Session
	words   words
	in      *shell
	module  *strings.Replacer
}

// runLLDB takes LLDB through its rows. One that it cannot pass is to fail, so that
// the table and docs/gdb.md stay true.
func (d *debugger) runLLDB(ctx context.Context, t *testing.T, m *machine, s *session.Session, p words, in *shell, all []feature) {
	t.Helper()
	r := &lldbRun{machine: m, session: s, words: p, in: in}
	r.begin(ctx, t, d.program)
	defer func() { r.kill() }()
	for _, f := range all {
		if f.name == dapRow {
			d.editor(ctx, t, p)
			continue
		}
		if f.lldb == nil {
			continue
		}
		err := r.tryAll(ctx, f)
		for tries := 1; err != nil && r.hangs(t) && tries < lldbTries; tries++ {
			t.Logf("%s: %s: it hangs, and is begun anew: %v", d.program, f.name, err)
			r.again(ctx, t, d.program)
			err = r.tryAll(ctx, f)
		}
		d.marks[f.name] = "pass"
		if err != nil {
			d.marks[f.name] = "fail"
		}
		switch {
		case err == nil && f.never != "":
			t.Errorf("%s: %s: it can by now, although %s", d.program, f.name, f.never)
		case err != nil && f.never == "":
			t.Errorf("%s: %s: %v", d.program, f.name, err)
		case err != nil:
			t.Logf("%s: %s: %s: %v", d.program, f.name, f.never, err)
		}
	}
}

func (r *lldbRun) begin(ctx context.Context, t *testing.T, program string) {
	t.Helper()
	r.module = strings.NewReplacer("CRASHME", crashmeText(ctx, t, r.session))
	r.gdb = begin(t, program, "--no-lldbinit")
}

// hangs says whether LLDB computes without end, and so does not wait for ktrap.
func (r *lldbRun) hangs(t *testing.T) bool {
	t.Helper()
	before := r.ticks(t)
	time.Sleep(time.Second)
	return r.ticks(t)-before > 50
}

// ticks is the CPU time of LLDB's threads, in hundredths of a second (proc(5)).
func (r *lldbRun) ticks(t *testing.T) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var user, system int
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')'):]))
	if _, err := fmt.Sscan(fields[12]+" "+fields[13], &user, &system); err != nil {
		t.Fatalf("the CPU time in %q: %v", stat, err)
	}
	return user + system
}

// again gives another LLDB a guest booted anew.
func (r *lldbRun) again(ctx context.Context, t *testing.T, program string) {
	t.Helper()
	r.kill()
	r.machine.reset(ctx, t, r.session)
	r.in = startShell(ctx, t, r.machine.login(ctx, t, r.session))
	r.begin(ctx, t, program)
	for _, line := range []string{"target create VMLINUX", "gdb-remote PORT"} {
		if _, err := r.typed(ctx, r.words.Replace(line), "\n"); err != nil {
			t.Fatalf("%s: %s: %v", program, line, err)
		}
	}
}

// tryAll takes the steps of a row. Stops are shown whenever they come, so texts are
// waited for; in a row that cannot pass, nothing runs, and an answer has ended when
// the next command is answered.
func (r *lldbRun) tryAll(ctx context.Context, f feature) error {
	for _, st := range f.lldb {
		if st.guest != "" {
			if err := r.in.begin(st.guest); err != nil {
				return fmt.Errorf("begin %q in the guest: %w", st.guest, err)
			}
		}
		line := r.module.Replace(r.words.Replace(st.do))
		if f.never == "" {
			if got, err := r.typed(ctx, line, st.want...); err != nil {
				return fmt.Errorf("%s: %w\n%s", line, err, got)
			}
			continue
		}
		if _, err := r.typed(ctx, line); err != nil {
			return err
		}
		got, err := r.typed(ctx, "version", "lldb version")
		if err != nil {
			return err
		}
		for _, w := range st.want {
			if !strings.Contains(got, w) {
				return fmt.Errorf("%s: no %q in:\n%s", line, w, got)
			}
		}
	}
	return nil
}

// typed types a line to LLDB, which repeats it, and waits for texts, in this order.
// It gives what came after what was typed before.
func (g *gdb) typed(ctx context.Context, line string, texts ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lldbWaits*time.Duration(len(texts)+1))
	defer cancel()
	if _, err := fmt.Fprintln(g.in, line); err != nil {
		return "", err
	}
	all := ""
	for _, w := range append([]string{") " + line + "\n"}, texts...) {
		got, err := g.await(ctx, w)
		all += got
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// crashmeText is where the code of the crash module is.
func crashmeText(ctx context.Context, t *testing.T, s *session.Session) string {
	t.Helper()
	text := ""
	if err := s.Quiesced(ctx, func(ctx context.Context, v *session.Stopped) error {
		if err := v.RefreshModules(ctx); err != nil {
			return err
		}
		for _, m := range v.World.Symbols.Modules() {
			if m.Name == "crashme" {
				text = fmt.Sprintf("%#x", uint64(m.Text[0].Start))
			}
		}
		return nil
	}); err != nil || text == "" {
		t.Fatalf("no code of the crash module: %v", err)
	}
	return text
}
