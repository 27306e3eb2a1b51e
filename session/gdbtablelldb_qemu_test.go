//go:build qemu

package session_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"ktrap/session"
)

// lldbWaits bounds one text of LLDB's. It hangs rather than fail.
const lldbWaits = time.Minute

// runLLDB takes LLDB through its rows. One that it cannot pass is to fail, so that
// the table and docs/gdb.md stay true.
func (d *debugger) runLLDB(ctx context.Context, t *testing.T, s *session.Session, p words, in *shell, all []feature) {
	t.Helper()
	module := strings.NewReplacer("CRASHME", crashmeText(ctx, t, s))
	lldb := begin(t, d.program, "--no-lldbinit")
	defer lldb.kill()
	hangs := false
	for _, f := range all {
		if f.name == dapRow {
			d.editor(ctx, t, p)
			continue
		}
		if f.lldb == nil {
			continue
		}
		d.marks[f.name] = "fail"
		if hangs {
			t.Errorf("%s: %s: it answers no more", d.program, f.name)
			continue
		}
		err := lldb.tryAll(ctx, words{module}, p, in, f)
		switch {
		case err == nil && f.never == "":
			d.marks[f.name] = "pass"
		case err == nil:
			d.marks[f.name] = "pass"
			t.Errorf("%s: %s: it can by now, although %s", d.program, f.name, f.never)
		case f.never == "":
			t.Errorf("%s: %s: %v", d.program, f.name, err)
			_, err := lldb.typed(ctx, "version", "lldb version")
			hangs = err != nil
		default:
			t.Logf("%s: %s: %s: %v", d.program, f.name, f.never, err)
		}
	}
}

// tryAll takes the steps of a row. Stops are shown whenever they come, so texts are
// waited for; in a row that cannot pass, nothing runs, and an answer has ended when
// the next command is answered.
func (g *gdb) tryAll(ctx context.Context, module, p words, in *shell, f feature) error {
	for _, st := range f.lldb {
		if st.guest != "" {
			if err := in.begin(st.guest); err != nil {
				return fmt.Errorf("begin %q in the guest: %w", st.guest, err)
			}
		}
		line := module.Replace(p.Replace(st.do))
		if f.never == "" {
			if got, err := g.typed(ctx, line, st.want...); err != nil {
				return fmt.Errorf("%s: %w\n%s", line, err, got)
			}
			continue
		}
		if _, err := g.typed(ctx, line); err != nil {
			return err
		}
		got, err := g.typed(ctx, "version", "lldb version")
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
