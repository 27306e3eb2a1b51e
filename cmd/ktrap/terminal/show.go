package terminal

import (
	"context"
	"fmt"

	"ktrap/session"
	"ktrap/session/debug"
	"ktrap/session/report"
)

// drain prints what happened since the last line.
func (t *Terminal) drain() {
	for {
		select {
		case e := <-t.events:
			t.showEvent(e)
		default:
			return
		}
	}
}

func (t *Terminal) showEvent(e session.Event) {
	switch e.Kind {
	case session.TrapHit:
		t.caught = true
		if !e.Shown { // else the stop itself shows it
			t.printf("%s %s\n", t.colors.dim("[logged]"), e.Crash.Report.Title)
		}
	case session.Reported:
		t.printf("%s %s\n", t.colors.dim("report:"), e.Path)
	case session.StubGone:
		t.printf("%s\n", t.colors.bad(fmt.Sprintf("the connection to QEMU is gone: %v", e.Err)))
	default:
		t.printf("%s\n", t.colors.dim(e.Text))
	}
}

// showStop prints why the guest stands and where.
func (t *Terminal) showStop(ctx context.Context, stop session.Stop) {
	t.drain()
	t.listed.Line = 0
	if stop.Crash != nil {
		t.caught = true
		if err := report.Summary(t.out, stop.Crash.Report, &report.TextOptions{Color: t.colors.on}); err != nil {
			t.fail(err)
		}
		t.printf("%s\n", t.colors.dim("`report` shows all of it; the frame that crashed is selected"))
		return
	}
	l, err := t.dbg.Selected(ctx)
	t.drain()
	if err != nil {
		t.fail(err)
		return
	}
	if hit, err := t.dbg.Hit(ctx); err == nil && hit != nil {
		t.showHit(hit)
	}
	t.showLevel(t.dbg.Number(), l)
	t.showLine(ctx)
}

func (t *Terminal) showHit(h *debug.Hit) {
	switch {
	case h.Watch && h.Old == h.New:
		t.printf("watchpoint %d: %s was written, the value is the same: %s\n", h.ID, h.Where, block(h.New))
	case h.Watch:
		t.printf("watchpoint %d: %s\n  old value = %s\n  new value = %s\n", h.ID, h.Where, block(h.Old), block(h.New))
	case h.Temporary:
		t.printf("temporary breakpoint %d, ", h.ID)
	default:
		t.printf("breakpoint %d, ", h.ID)
	}
	if h.Err != nil {
		t.printf("whose condition cannot be evaluated: %s\n", t.colors.bad(h.Err.Error()))
	}
}

// showLine prints the selected source line if its text is here.
func (t *Terminal) showLine(ctx context.Context) {
	l, err := t.dbg.Source(ctx, "", 0)
	if err != nil || len(l.Lines) == 0 {
		return
	}
	t.printf("%d\t%s\n", l.Lines[0].Number, block(l.Lines[0].Text))
}
