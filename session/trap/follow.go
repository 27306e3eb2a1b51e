package trap

import (
	"ktrap/symbols/addr"
	"ktrap/symbols/oops"
)

// past is a report that is over.
type past struct {
	class   oops.Class
	current addr.Addr // the task that has reported
}

// pastOf finds the CPU for which something is noted of a hit's CPU, or of its task,
// which may have been elsewhere then.
func pastOf(m map[int]past, h *Hit) (cpu int, ok bool) {
	if _, ok := m[h.CPU]; ok {
		return h.CPU, true
	}
	for cpu, p := range m {
		if h.Current != 0 && p.current == h.Current {
			return cpu, true
		}
	}
	return 0, false
}

// follow takes a report along with its task to another CPU. Where the kernel prints it
// may be preempted: end_report of mm/kasan/report.c unlocks before it calls
// check_panic_on_warn. A return is known by its stack, which no other task uses.
func (e *Engine) follow(h *Hit) {
	if e.open[h.CPU] != nil {
		return
	}
	for cpu, o := range e.open {
		returns := h.Point == nil && o.BackAt == h.PC && o.BackSP == h.Regs.SP()
		if returns || h.Current != 0 && o.Current == h.Current {
			delete(e.open, cpu)
			o.CPU = h.CPU
			e.open[h.CPU] = o
			return
		}
	}
}
