package oops

import "strings"

// Prefix is what consoles and log readers put in front of a line.
type Prefix struct {
	Level  int    // syslog priority, -1 if not given
	Time   string // as printed, without brackets; empty if not given
	Caller string // "T113" or "C0" with CONFIG_PRINTK_CALLER, else empty

	kernel bool // the kernel or a reader of its log put it there, not a tool that passes everything on
	tool   bool // Time is that of a tool
	other  bool // another program than the kernel says it, as syslog tells
}

// stamped says whether the line is known to be the kernel's.
func (p *Prefix) stamped() bool { return p.kernel }

// maxPrefixes bounds how many prefixes stack on one line.
const maxPrefixes = 8

// maxPrefix bounds how far into a line one prefix may reach.
const maxPrefix = 128

// SplitPrefix takes the prefixes off a line. Prefixes stack (syslog before
// kernel before caller), so this repeats until none matches.
// Shape: the second result is the end of s, so the prefix is s without it.
func SplitPrefix(s string) (Prefix, string) {
	p := Prefix{Level: -1}
	for range maxPrefixes {
		rest, ok := p.take(s)
		if !ok {
			break
		}
		s = rest
	}
	if p.other = p.isOfProgram(s); p.other || p.Time != "" || p.kernel {
		return p, s
	}
	if at := glued(s); at > 0 {
		rest, _ := p.takeBracket(s[at:])
		return p, rest
	}
	return p, s
}

// take tries each kind of prefix once, by the byte it begins with.
func (p *Prefix) take(s string) (string, bool) {
	if s == "" {
		return s, false
	}
	switch c := s[0]; {
	case c == '[':
		return p.takeBracket(s)
	case c == '<':
		return p.takeLevel(s)
	case isDigit(c):
		if rest, ok := p.takeKmsg(s); ok {
			return rest, true
		}
		if rest, ok := p.takeClock(s); ok {
			return rest, true
		}
	case c == '*' || c == '-':
		if rest, ok := takeDropped(s); ok {
			return rest, true
		}
		return p.takeMargin(s)
	case c == '>', c == ' ', c == '\t':
		return p.takeMargin(s)
	case !isAlpha(c):
		return s, false
	}
	if rest, ok := p.takeFacility(s); ok {
		return rest, true
	}
	if rest, ok := p.takeSyslog(s); ok {
		return rest, true
	}
	return p.takeLogcat(s)
}

// takeBracket takes "[   12.345678] ", "[   12.345678][  T113] " and what dmesg
// and terminal programs put in brackets instead. One blank belongs to the
// prefix, further ones to the text: the kernel indents frames.
func (p *Prefix) takeBracket(s string) (string, bool) {
	end := strings.IndexByte(s[:min(len(s), 48)], ']')
	if end < 0 || p.Time != "" && !p.tool {
		return s, false
	}
	stamp := strings.TrimLeft(s[1:end], " ")
	switch {
	case isStamp(stamp) || isDelta(stamp):
		p.Time, p.kernel, p.tool = stamp, true, false
	case isDate(stamp):
		p.Time, p.kernel, p.tool = stamp, true, true
	case isISO(stamp) || isClock(stamp):
		p.Time, p.tool = stamp, true
	default:
		return s, false
	}
	rest := s[end+1:]
	if caller, after, ok := takeCaller(rest); ok {
		p.Caller, rest = caller, after
	}
	return strings.TrimPrefix(rest, " "), true
}

// takeCaller takes "[  T113]" or "[    C0]", with or without a blank before it.
func takeCaller(s string) (caller, rest string, ok bool) {
	t := strings.TrimPrefix(s, " ")
	if t == "" || t[0] != '[' {
		return "", s, false
	}
	end := strings.IndexByte(t[:min(len(t), 17)], ']')
	if end < 3 {
		return "", s, false
	}
	c := strings.TrimLeft(t[1:end], " ")
	if !isCaller(c) {
		return "", s, false
	}
	return c, t[end+1:], true
}

func isCaller(c string) bool {
	return len(c) > 1 && (c[0] == 'T' || c[0] == 'C') && allDigits(c[1:])
}

// takeLevel takes "<4>" and "<12>" of syslog, pstore and dmesg -r, and what
// syslog over the network puts behind it.
// Sample: <4>1 2026-11-22T20:30:34.123456+00:00 host kernel - - - [    1.000000] BUG: x
func (p *Prefix) takeLevel(s string) (string, bool) {
	end := strings.IndexByte(s[:min(len(s), 5)], '>')
	if end < 2 || !allDigits(s[1:end]) {
		return s, false
	}
	p.Level, p.kernel = atoi(s[1:end]), true
	rest := s[end+1:]
	if t, ok := strings.CutPrefix(rest, "1 "); ok {
		if at := strings.Index(t[:min(len(t), maxPrefix)], " kernel - - - "); at > 0 && isISO(t) {
			return t[at+len(" kernel - - - "):], true
		}
	}
	return rest, true
}

// takeDropped takes "** 12 printk messages dropped ** " of kernels before 5.0.
func takeDropped(s string) (string, bool) {
	const tail = " printk messages dropped ** "
	t, ok := strings.CutPrefix(s, "** ")
	if !ok {
		return s, false
	}
	n, after := span(t, isDigit)
	after, ok = strings.CutPrefix(after, tail)
	return after, ok && n != ""
}

// takeMargin takes what mails, lists and indented quotes put in front, if the
// kernel's own prefix follows, and the quote sign of mails in any case: the
// kernel itself writes '>' only before a memory row, without a blank.
func (p *Prefix) takeMargin(s string) (string, bool) {
	if p.Time != "" || p.kernel {
		return s, false
	}
	if rest, ok := strings.CutPrefix(s, "> "); ok {
		return rest, true
	}
	if strings.HasPrefix(s, ">>") || strings.HasPrefix(s, ">[") {
		return s[1:], true
	}
	margin, _ := span(s[:min(len(s), 16)], func(c byte) bool { return c == ' ' || c == '\t' || c == '-' || c == '*' })
	rest := s[len(margin):]
	if margin == "" || rest == "" || rest[0] != '[' && rest[0] != '<' {
		return s, false
	}
	// An indented "[<ffffffff81000000>] f" and " <IRQ>" are the kernel's own.
	probe := Prefix{Level: -1}
	if _, ok := probe.take(rest); !ok {
		return s, false
	}
	return rest, true
}

// glued finds the time stamp of a kernel's line that came on the console while a
// program had not ended its own; 0 if there is none. What begins as a report is
// kept: it was the line of another CPU then.
// Sample: executing program[   91.946624][  T113] BUG: x
// Sample: debian login: [   91.946624] BUG: x
func glued(s string) int {
	at := strings.IndexByte(s[:min(len(s), maxPrefix)], '[')
	for ; at >= 0; at = nextBracket(s, at) {
		stamp, _, ok := strings.Cut(s[at+1:min(len(s), at+24)], "]")
		stamp = strings.TrimLeft(stamp, " ")
		if !ok || len(stamp) < len("0.000000") || stamp[len(stamp)-7] != '.' || !isStamp(stamp) {
			continue
		}
		if h, _ := matchHead(s[:at]); h != nil || strings.Contains(s[:at], "+0x") {
			return 0
		}
		return at
	}
	return 0
}

// nextBracket gives where the next '[' near the start of a line is, -1 if nowhere.
func nextBracket(s string, at int) int {
	i := strings.IndexByte(s[at+1:max(at+1, min(len(s), maxPrefix))], '[')
	if i < 0 {
		return -1
	}
	return at + 1 + i
}
