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
// Shape: damaged is set if foreign text was found inside a stack.
func (rt route) walk(lines []entry, skip *skipList) (funcs []string, damaged bool) {
	at := 0
	add := func(name string) {
		if name != "" && !skip.has(name) {
			funcs = append(funcs, name)
		}
	}
	for i := 0; i < len(rt); i++ {
		if rt[i] != frames && rt[i] != framesIP {
			for ; at < len(lines); at++ {
				name, ok, bad := rt[i].at(&lines[at])
				if bad {
					return funcs, true
				}
				if ok {
					add(name)
					at++
					break
				}
			}
			continue
		}
		for ; at < len(lines); at++ {
			e := &lines[at]
			if isInjected(e) {
				return funcs, true
			}
			if startsStack(e) {
				at++
				break
			}
			if i+1 < len(rt) {
				if name, ok, _ := rt[i+1].at(e); ok {
					add(name)
					at++
					i++
					break
				}
			}
			if rt[i] == framesIP && e.kind == ipLine {
				add(baseName(e.frame.Func))
			}
			for _, name := range e.functions() {
				add(name)
			}
		}
	}
	return funcs, false
}

// at says whether a line is the station, and which function it gives.
func (s station) at(e *entry) (name string, ok, damaged bool) {
	if isInjected(e) {
		return "", false, true
	}
	switch s {
	case atIP:
		return baseName(e.frame.Func), e.kind == ipLine, false
	case atTrace:
		return "", e.kind == startLine, false
	}
	if s == atInterrupted {
		return e.interrupted()
	}
	caps, ok := pattern(s).find(e.text)
	return caps["func"], ok, false
}

// interrupted says whether the line is where an interrupt's stack ends: the
// marker, the entry stub, or the exception frame of arm.
func (e *entry) interrupted() (name string, ok, damaged bool) {
	if e.leave && e.marker != "TASK" {
		if e.kind == frameLine && e.frame.Reliable {
			name = baseName(e.frame.Func)
		}
		return name, true, false
	}
	if e.kind == frameLine || e.kind == fromLine {
		return "", interruptEntries.has(e.frame.Func), false
	}
	return "", e.kind == neutralLine && strings.HasPrefix(e.text, "Exception stack("), false
}

// interruptEntries are the stubs an interrupt comes in by.
var interruptEntries = &skipList{extra: []string{"apic_timer_interrupt$", "^asm_sysvec_", "^__irq_svc$", "^el1_irq$", "^el1h_64_irq$", "^gic_handle_irq$", "^call_on_irq_stack$", "^ret_from_exception$"}}

// functions gives the functions of a trace line. Frames with '?' are leftovers
// on the stack and blame nobody.
func (e *entry) functions() []string {
	switch {
	case e.kind == frameLine && e.frame.Reliable && e.frame.Func != "":
		return []string{baseName(e.frame.Func)}
	case e.kind == fromLine:
		return []string{baseName(e.frame.Func)}
	}
	return nil
}

// isInjected recognizes the stack of a fault injection, which often lands in
// the middle of the report of the bug it provoked.
func isInjected(e *entry) bool {
	return e.kind == frameLine && e.frame.Reliable && strings.HasPrefix(e.frame.Func, "should_fail")
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
