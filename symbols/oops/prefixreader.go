package oops

import "strings"

// Prefixes of the programs that read the kernel's log.

// takeKmsg takes "4,359,11882975,-,caller=T113;" of /dev/kmsg and netconsole,
// which may say the release first.
// Sample: 6.12.1,4,359,11882975,-,ncfrag=0/33;BUG: x
func (p *Prefix) takeKmsg(s string) (string, bool) {
	end := strings.IndexByte(s[:min(len(s), maxPrefix)], ';')
	if end < 0 {
		return s, false
	}
	f := strings.Split(s[:end], ",")
	if len(f) > 4 && strings.Contains(f[0], ".") {
		f = f[1:]
	}
	if len(f) < 4 || !allDigits(f[0]) || !allDigits(f[1]) || !allDigits(f[2]) {
		return s, false
	}
	p.Level, p.Time, p.kernel, p.tool = atoi(f[0]), microseconds(f[2]), true, false
	for _, kv := range f[4:] {
		if c, ok := strings.CutPrefix(kv, "caller="); ok && isCaller(c) {
			p.Caller = c
		}
	}
	return strings.TrimPrefix(s[end+1:], `\x0a`), true // how it spells a line end within a record
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
			p.Level, p.kernel = i, true
			return s[15:], true
		}
	}
	return s, false
}

// takeSyslog takes "Nov 22 20:30:34 host kernel: " of syslog and journalctl, and
// what their options make of the time.
//
//	Nov 22 20:30:34.123456 host kernel:          short-precise
//	Nov 22 20:30:34 host kern.warn kernel:       busybox
//	2026-11-22T20:30:34+0000 host kernel:        short-iso
//	Sun 2026-11-22 20:30:34 UTC host kernel:     short-full
//	1700000000.123456 host kernel:               short-unix
//	host kernel:                                 short-monotonic, its time in brackets
func (p *Prefix) takeSyslog(s string) (string, bool) {
	front := s[:min(len(s), maxPrefix)]
	at := strings.Index(front, "kernel: ")
	if at < 0 || at > 0 && s[at-1] != ' ' {
		return s, false
	}
	w := strings.Fields(s[:at])
	switch len(w) {
	case 0:
	case 1:
		if p.Time == "" && !isISO(w[0]) {
			return s, false
		}
	default:
		if !isSyslogFront(w) {
			return s, false
		}
	}
	p.kernel = true
	return s[at+len("kernel: "):], true
}

// isSyslogFront recognizes time and host, and what may be between host and program.
func isSyslogFront(w []string) bool {
	switch len(w) {
	case 2:
		return isISO(w[0]) || isStamp(w[0])
	case 3:
		return isISO(w[0] + " " + w[1])
	case 4:
		return len(w[0]) == 3 && allDigits(w[1]) && isClock(w[2])
	case 5:
		return len(w[0]) == 3 && (allDigits(w[1]) && isClock(w[2]) && strings.Contains(w[4], ".") || isISO(w[1]+" "+w[2]))
	}
	return false
}

// isOfProgram says whether the reader of a log names a program other than the
// kernel in front of a line: what that says is no report of the kernel.
//
//	Nov 22 20:30:34 host sh[77]: BUG: x
//	11-22 20:30:34.123  1234  1234 W MyApp   : BUG: x
//	[   12.345678] host sh[77]: BUG: x
func (p *Prefix) isOfProgram(s string) bool {
	switch {
	case p.Time != "": // of the tool that reads the log, so a host comes next
		_, rest, _ := strings.Cut(s[:min(len(s), maxPrefix)], " ")
		name, rest := span(rest, isProgram)
		return name != "" && isPID(rest)
	case p.kernel || len(s) < 20:
		return false
	case s[2] == '-' && s[5] == ' ':
		return isClock(s[6:18])
	case s[3] != ' ' && s[4] != '-' && s[10] != '.':
		return false
	}
	front, _, ok := strings.Cut(s[:min(len(s), maxPrefix)], ": ")
	w := strings.Fields(front)
	return ok && len(w) > 2 && isSyslogFront(w[:len(w)-1])
}

func isProgram(c byte) bool { return isSymbol(c) || c == '-' || c == '/' || c == '@' }

// isPID takes "[77]: ".
func isPID(s string) bool {
	t, ok := strings.CutPrefix(s, "[")
	pid, rest := span(t, isDigit)
	return ok && pid != "" && strings.HasPrefix(rest, "]: ")
}

// takeLogcat takes the kernel's lines in the log of Android.
// Sample: 11-22 20:30:34.123     0     0 W kernel  : [    1.000000] BUG: x
// Sample: W/kernel  (    0): [    1.000000] BUG: x
func (p *Prefix) takeLogcat(s string) (string, bool) {
	front := s[:min(len(s), 64)]
	at := strings.Index(front, "kernel")
	if at < 2 {
		return s, false
	}
	rest := strings.TrimLeft(s[at+len("kernel"):], " ")
	switch before := s[:at]; {
	case len(before) == 2 && before[1] == '/':
		if t, ok := strings.CutPrefix(rest, "("); ok {
			_, rest, _ = strings.Cut(t, ")")
		}
	case len(before) < 18 || before[2] != '-' || before[5] != ' ' || !isClock(before[6:18]):
		return s, false
	}
	rest, ok := strings.CutPrefix(rest, ":")
	if !ok {
		return s, false
	}
	p.kernel = true
	return strings.TrimPrefix(rest, " "), true
}
