package oops

import "strings"

// Prefix is what consoles and log readers put in front of a line.
type Prefix struct {
	Level  int    // syslog priority, -1 if not given
	Time   string // as printed, without brackets; empty if not given
	Caller string // "T113" or "C0" with CONFIG_PRINTK_CALLER, else empty
}

// stamped says whether a kernel log put the line's prefix there.
func (p *Prefix) stamped() bool { return p.Time != "" || p.Level >= 0 }

// maxPrefixes bounds how many prefixes stack on one line.
const maxPrefixes = 6

// maxPrefix bounds how far into a line one prefix may reach.
const maxPrefix = 104

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
	return p, s
}

// take tries each kind of prefix once, most frequent first.
func (p *Prefix) take(s string) (string, bool) {
	if s == "" {
		return s, false
	}
	switch c := s[0]; {
	case c == '[':
		return p.takeTime(s)
	case c == '<':
		return p.takeLevel(s)
	case c >= '0' && c <= '9':
		if rest, ok := p.takeKmsg(s); ok {
			return rest, true
		}
	case c == '*':
		return takeDropped(s)
	case c == 0x1b:
		return takeEscape(s)
	}
	if rest, ok := p.takeFacility(s); ok {
		return rest, true
	}
	if rest, ok := p.takeSyslog(s); ok {
		return rest, true
	}
	return takeLogin(s)
}

// takeTime takes "[   12.345678] ", "[   12.345678][  T113] " and the date
// "[Sun Nov 22 20:30:34 2026] " of dmesg -T. One blank belongs to the prefix,
// further ones to the text: the kernel indents frames.
func (p *Prefix) takeTime(s string) (string, bool) {
	end := strings.IndexByte(s, ']')
	if end < 0 || end > 32 || p.Time != "" {
		return s, false
	}
	stamp := strings.TrimLeft(s[1:end], " ")
	if !isStamp(stamp) && !isDate(stamp) {
		return s, false
	}
	p.Time = stamp
	rest := s[end+1:]
	if caller, after, ok := takeCaller(rest); ok {
		p.Caller, rest = caller, after
	}
	return strings.TrimPrefix(rest, " "), true
}

// takeCaller takes "[  T113]" or "[    C0]", with or without a blank before it.
func takeCaller(s string) (caller, rest string, ok bool) {
	t := strings.TrimPrefix(s, " ")
	end := strings.IndexByte(t, ']')
	if end < 3 || end > 16 || t[0] != '[' {
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

// isStamp says whether s is seconds with a fraction, as printk writes them.
func isStamp(s string) bool {
	sec, frac, ok := strings.Cut(s, ".")
	return ok && allDigits(sec) && allDigits(frac)
}

// isDate recognizes "Sun Nov 22 20:30:34 2026".
func isDate(s string) bool {
	return len(s) == 24 && s[3] == ' ' && s[7] == ' ' && s[13] == ':' && s[16] == ':' && allDigits(s[20:])
}

// takeLevel takes "<4>" and "<12>" of syslog, pstore and dmesg -r.
func (p *Prefix) takeLevel(s string) (string, bool) {
	end := strings.IndexByte(s, '>')
	if end < 2 || end > 4 || !allDigits(s[1:end]) {
		return s, false
	}
	p.Level = atoi(s[1:end])
	return s[end+1:], true
}

// takeKmsg takes "4,359,11882975,-,caller=T113;" of /dev/kmsg and netconsole.
func (p *Prefix) takeKmsg(s string) (string, bool) {
	end := strings.IndexByte(s[:min(len(s), maxPrefix)], ';')
	if end < 0 {
		return s, false
	}
	f := strings.Split(s[:end], ",")
	if len(f) < 4 || !allDigits(f[0]) || !allDigits(f[1]) || !allDigits(f[2]) {
		return s, false
	}
	p.Level = atoi(f[0])
	p.Time = microseconds(f[2])
	for _, kv := range f[4:] {
		if c, ok := strings.CutPrefix(kv, "caller="); ok && isCaller(c) {
			p.Caller = c
		}
	}
	return s[end+1:], true
}

// microseconds rewrites the time of /dev/kmsg as printk does.
func microseconds(us string) string {
	if len(us) < 7 {
		us = strings.Repeat("0", 7-len(us)) + us
	}
	return us[:len(us)-6] + "." + us[len(us)-6:]
}

// takeFacility takes "kern  :warn  : " of dmesg -x.
func (p *Prefix) takeFacility(s string) (string, bool) {
	if len(s) < 15 || s[6] != ':' || s[13] != ':' || s[14] != ' ' {
		return s, false
	}
	facility, level := strings.TrimRight(s[:6], " "), strings.TrimRight(s[7:13], " ")
	if facility == "" || strings.Contains(facility, " ") {
		return s, false
	}
	levels := []string{"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"}
	for i, name := range levels {
		if level == name {
			p.Level = i
			return s[15:], true
		}
	}
	return s, false
}

// takeSyslog takes "Nov 22 20:30:34 host kernel: ", the same with an ISO date,
// and "host kernel: " of journalctl -o short-monotonic.
func (p *Prefix) takeSyslog(s string) (string, bool) {
	at := strings.Index(s[:min(len(s), maxPrefix)], "kernel: ")
	if at < 0 || at > 0 && s[at-1] != ' ' {
		return s, false
	}
	words := strings.Fields(s[:at])
	switch len(words) {
	case 0, 1:
		if len(words) == 1 && p.Time == "" && !isISO(words[0]) {
			return s, false
		}
	case 2:
		if !isISO(words[0]) {
			return s, false
		}
	case 4:
		if len(words[0]) != 3 || !allDigits(words[1]) || strings.Count(words[2], ":") != 2 {
			return s, false
		}
	default:
		return s, false
	}
	return s[at+len("kernel: "):], true
}

func isISO(s string) bool {
	return len(s) >= 19 && s[4] == '-' && s[7] == '-' && (s[10] == 'T' || s[10] == ' ')
}

// takeDropped takes "** 12 printk messages dropped ** " of kernels before 5.0.
func takeDropped(s string) (string, bool) {
	const tail = " printk messages dropped ** "
	t, ok := strings.CutPrefix(s, "** ")
	n := strings.Index(t, tail)
	if !ok || n < 1 || !allDigits(t[:n]) {
		return s, false
	}
	return t[n+len(tail):], true
}

// takeEscape takes the terminal set-up that SeaBIOS leaves in front of the first line.
func takeEscape(s string) (string, bool) {
	for _, seq := range []string{"\x1bc", "\x1b[?7l", "\x1b[2J", "\x1b[0m", "\x1b[H"} {
		if rest, ok := strings.CutPrefix(s, seq); ok {
			return rest, true
		}
	}
	return s, false
}

// takeLogin takes a getty prompt that the kernel's line was glued to.
func takeLogin(s string) (string, bool) {
	at := strings.Index(s[:min(len(s), maxPrefix)], " login: [")
	if at < 0 {
		return s, false
	}
	return s[at+len(" login: "):], true
}
