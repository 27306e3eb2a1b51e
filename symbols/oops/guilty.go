package oops

import "strings"

// A route says where in a report the guilty function is looked for: a list of
// stations, each found behind the one before.
type route []station

// A station is one of the constants or a pattern; a pattern with {func} gives
// a function of its own.
type station string

const (
	atIP     station = "RIP"       // the next line with an instruction pointer
	atTrace  station = "TRACE"     // the next "Call Trace:"
	frames   station = "STACK"     // all frames up to the next stack
	framesIP station = "STACK+RIP" // the same with the kernel's instruction pointers on the way

	// atInterrupted is the boundary below which lies what an interrupt stopped.
	atInterrupted station = "INTERRUPTED"
)

// The usual routes.
var (
	faultRoute = route{atIP, atTrace, frames}
	traceRoute = route{atTrace, frames}
)

// lost is what the dashboard calls a function that could not be found.
const lost = "corrupted"

// walk follows a route through the lines of a report and gives the functions
// on it, innermost first, those without blame left out.
// Shape: damaged is set if foreign text was found on the way; what comes
// behind it is not looked at.
func (rt route) walk(lines []entry, skip *skipList) (funcs []string, damaged bool) {
	w := walker{lines: lines, head: &lines[0], skip: skip}
	for len(rt) > 0 && !w.damaged {
		if rt[0].isStack() {
			rt = w.readStack(rt)
			continue
		}
		w.seek(rt[0])
		rt = rt[1:]
	}
	return w.funcs, w.damaged
}

// walker is the state of a walk along a route.
type walker struct {
	lines   []entry // not yet passed
	head    *entry  // of the report, which says what it says
	skip    *skipList
	funcs   []string
	damaged bool
}

// next takes a line, unless it is foreign or there is none.
func (w *walker) next() (*entry, bool) {
	if len(w.lines) == 0 {
		return nil, false
	}
	e := &w.lines[0]
	if e != w.head && isInjected(e) {
		w.damaged = true
		return nil, false
	}
	w.lines = w.lines[1:]
	return e, true
}

func (w *walker) blame(name string) {
	if name != "" && !w.skip.has(name) {
		w.funcs = append(w.funcs, name)
	}
}

// seek passes lines up to and including the station.
func (w *walker) seek(s station) {
	for e, ok := w.next(); ok; e, ok = w.next() {
		if name, here := s.at(e); here {
			w.blame(name)
			return
		}
	}
}

// readStack passes the frames of a stack and gives the rest of the route. The
// stack ends where another begins and where the station behind it is.
func (w *walker) readStack(rt route) route {
	here, rest := rt[0], rt[1:]
	for e, ok := w.next(); ok; e, ok = w.next() {
		if startsStack(e) {
			return rest
		}
		if len(rest) > 0 {
			if name, ok := rest[0].at(e); ok {
				w.blame(name)
				return rest[1:]
			}
		}
		if here == framesIP && e.kind == ipLine && !e.frame.Inlined {
			w.blame(baseName(e.frame.Func))
		}
		w.blame(e.function())
	}
	return nil
}

// isStack says whether the station is a whole stack.
func (s station) isStack() bool { return s == frames || s == framesIP }

// at says whether a line is the station, and which function it gives.
func (s station) at(e *entry) (name string, ok bool) {
	switch s {
	case atIP:
		return baseName(e.frame.Func), e.kind == ipLine && !e.frame.Inlined
	case atTrace:
		return "", e.kind == startLine
	case atInterrupted:
		return e.interrupted()
	case frames, framesIP:
		return "", false
	}
	caps, ok := pattern(s).find(e.text)
	return caps["func"], ok
}

// interrupted says whether the line is where an interrupt's stack ends: the
// marker, the entry stub, or the exception frame of arm. A frame behind the
// marker on the same line is already what was interrupted.
func (e *entry) interrupted() (name string, ok bool) {
	switch {
	case e.leave && e.marker != "TASK":
		return e.function(), true
	case e.kind == frameLine, e.kind == fromLine:
		return "", e.frame.Reliable && interruptEntries.has(e.frame.Func)
	}
	return "", e.kind == neutralLine && strings.HasPrefix(e.text, "Exception stack(")
}

// interruptEntries are the stubs an interrupt comes in by.
var interruptEntries = &skipList{extra: []string{"apic_timer_interrupt$", "^asm_sysvec_", "^__irq_svc$", "^el1_irq$", "^el1h_64_irq$", "^gic_handle_irq$", "^call_on_irq_stack$", "^ret_from_exception$"}}

// function gives the function of a trace line. Frames with '?' are leftovers
// on the stack and blame nobody. Nor do levels that were inlined: the kernel does
// not print them, and a log has the same titles before and after it is decoded.
func (e *entry) function() string {
	if e.kind == fromLine || e.kind == frameLine && e.frame.Reliable && !e.frame.Inlined {
		return baseName(e.frame.Func)
	}
	return ""
}

// isInjected recognizes what often lands in the middle of a report: the stack
// of a fault injection, and the report of an allocation that failed.
func isInjected(e *entry) bool {
	return e.kind == frameLine && e.frame.Reliable && strings.HasPrefix(e.frame.Func, "should_fail") ||
		e.kind == otherLine && strings.Contains(e.text, " allocation failure: ")
}

// startsStack recognizes the lines that open another stack than the current one.
func startsStack(e *entry) bool {
	s := skipBlanks(e.text)
	switch {
	case e.kind == startLine:
		return true
	case e.kind != otherLine:
		return false
	case strings.HasPrefix(s, "Allocated:"), strings.HasPrefix(s, "Freed:"), strings.HasPrefix(s, "backtrace:"), strings.HasPrefix(s, "backtrace (crc "):
		return true
	case strings.HasPrefix(s, "Allocated by task "), strings.HasPrefix(s, "Freed by task "):
		return strings.HasSuffix(strings.TrimRight(s, " "), ":") || strings.Contains(s, " on cpu ")
	}
	return strings.Contains(s, "Uninit was stored to memory at")
}
