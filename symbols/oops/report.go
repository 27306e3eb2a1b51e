package oops

import "strings"

// lineKind says what a line of a report is.
type lineKind uint8

const (
	otherLine lineKind = iota
	blankLine
	frameLine   // one frame of a stack, perhaps with a context marker before it
	fromLine    // the arm form that names callee and caller
	markerLine  // a context marker alone
	ipLine      // RIP:, pc :
	regsLine    // registers
	codeLine    // Code:
	startLine   // Call Trace:, Backtrace:
	cpuLine     // CPU: 0 PID: 1 Comm: sh
	neutralLine // text that may stand inside a stack without ending it
)

// entry is one line of a report, read.
type entry struct {
	kind   lineKind
	text   string // prefix off
	frame  Frame  // of frameLine, fromLine (the caller) and ipLine
	callee Frame  // of fromLine
	user   bool   // ipLine of user mode
	marker string // context named before the frame or alone
	leave  bool   // the marker ends its context
}

// readLine classifies a line. The order matters only where a line could be two
// things: a register line has no symbol, a stack start no offset.
func readLine(text string) entry {
	e := entry{text: text}
	s := text
	if name, end, rest, ok := parseContext(s); ok {
		e.marker, e.leave = name, end
		if s = rest; strings.TrimSpace(s) == "" {
			e.kind = markerLine
			return e
		}
	}
	e.kind = e.classify(s)
	return e
}

func (e *entry) classify(s string) lineKind {
	trimmed := skipBlanks(s)
	switch {
	case trimmed == "":
		return blankLine
	case isStackStart(trimmed):
		return startLine
	case strings.HasPrefix(trimmed, "CPU:") && strings.Contains(trimmed, "Comm:"):
		return cpuLine
	case isNeutral(trimmed):
		return neutralLine
	}
	if f, user, ok := parseIP(s); ok {
		e.frame, e.user = f, user
		return ipLine
	}
	if _, ok := parseCode(s); ok {
		return codeLine
	}
	if callee, caller, ok := parseFrom(s); ok {
		e.callee, e.frame = callee, caller
		return fromLine
	}
	if len(parseRegs(s)) > 0 {
		return regsLine
	}
	if f, ok := parseFrame(s); ok {
		e.frame = f
		return frameLine
	}
	return otherLine
}

// isStackStart recognizes the lines that say that a stack follows.
func isStackStart(s string) bool {
	return strings.Contains(s, "Call Trace:") || strings.Contains(s, "Call trace:") ||
		strings.HasPrefix(s, "Backtrace:") || strings.HasPrefix(s, "Stack Traceback:")
}

// isNeutral recognizes what kernels print between the frames of one stack:
// exception frames of arm and raw stack words.
func isNeutral(s string) bool {
	if strings.HasPrefix(s, "Exception stack(") {
		return true
	}
	head, rest := span(s, isHex)
	switch {
	case (len(head) == 3 || len(head) == 4) && strings.HasPrefix(rest, ": "):
		return true // 7fa0: 2000a000 00000000
	case len(head) == 16 && strings.HasPrefix(rest, " "):
		next, _ := span(skipBlanks(rest), isHex)
		return len(next) == 16 // 0000000000000001 ffff8801d614bd58
	}
	return false
}
