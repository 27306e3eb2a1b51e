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
			t.tell("%s %s\n", t.colors.dim("[logged]"), e.Crash.Report.Title)
		}
	case session.Reported:
		t.tell("%s %s\n", t.colors.dim("report:"), e.Path)
	case session.StubGone:
		t.tell("%s\n", t.colors.bad(fmt.Sprintf("the connection to QEMU is gone: %v", e.Err)))
	case session.Modules:
		t.tell("%s\n", t.colors.dim(e.Text+" loaded"))
	case session.Ready:
		t.refused = nil
		t.tell("%s\n", t.colors.dim(e.Text))
		for _, b := range t.dbg.Breakpoints() { // they have moved with the kernel
			t.showBreak(&b)
		}
	case session.Refused:
		t.tell("%s\n", t.colors.dim(e.Text))
		t.refuse(e.Err)
	default:
		t.tell("%s\n", t.colors.dim(e.Text))
	}
}

// showStop prints why the guest stands, whose stack that is, and where.
func (t *Terminal) showStop(ctx context.Context, stop session.Stop) { t.showArrival(ctx, stop, true) }

// showStep leaves out what is as it was before the step.
func (t *Terminal) showStep(ctx context.Context, stop session.Stop) { t.showArrival(ctx, stop, false) }

func (t *Terminal) showArrival(ctx context.Context, stop session.Stop, always bool) {
	t.drain()
	t.listed.Line = 0
	if stop.Crash != nil {
		t.caught = true
		if err := report.Summary(t.out, stop.Crash.Report, &report.TextOptions{Color: t.colors.on}); err != nil {
			t.fail(err)
		}
		t.tell("%s\n", t.colors.dim("`report` shows all of it; the frame that crashed is selected"))
		return
	}
	l, err := t.dbg.Selected(ctx)
	t.drain()
	if err != nil {
		t.fail(err)
		return
	}
	hit, _ := t.dbg.Hit(ctx) // without one it is a stop like any other
	before := t.who
	t.lookWho(ctx)
	if hit != nil || always || t.who != before {
		t.printf("%s %s\n", reason(hit), t.who)
	}
	if hit != nil {
		t.showHit(hit)
	}
	t.showLevel(t.dbg.Number(), l)
	t.showLine(ctx)
}

// reason says what stopped the guest.
func reason(h *debug.Hit) string {
	switch {
	case h == nil:
		return "stopped"
	case h.Watch:
		return fmt.Sprintf("watchpoint %d", h.ID)
	case h.Temporary:
		return fmt.Sprintf("temporary breakpoint %d", h.ID)
	}
	return fmt.Sprintf("breakpoint %d", h.ID)
}

// showHit prints what else there is to a breakpoint or watchpoint.
func (t *Terminal) showHit(h *debug.Hit) {
	switch {
	case h.Watch && h.Old == h.New:
		t.printf("  %s was written, the value is the same: %s\n", h.Where, block(h.New))
	case h.Watch:
		t.printf("  %s was written\n  old value = %s\n  new value = %s\n", h.Where, block(h.Old), block(h.New))
	}
	if h.Err != nil {
		t.printf("  its condition cannot be evaluated: %s\n", t.colors.bad(h.Err.Error()))
	}
}

// lookWho remembers whose stack is selected, in the words of a report.
func (t *Terminal) lookWho(ctx context.Context) {
	w, err := t.dbg.Who(ctx)
	if err != nil {
		t.who = "where nothing can be read"
		return
	}
	cpu := fmt.Sprintf("CPU %d", w.CPU)
	if w.CPU < 0 {
		cpu = "not running"
	}
	t.who = "on " + cpu
	if w.Task != nil {
		t.who = fmt.Sprintf("in %s, pid %d, %s", w.Task.Comm, w.Task.PID, cpu)
	}
	if w.Unproven != nil {
		t.who += "  (" + session.NotProven + ")"
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
