package oops

import "strings"

// Times as the kernel, its log readers and terminal programs write them.

// isStamp says whether s is seconds with a fraction, as printk writes them, with
// or without the distance to the line before: "8.138776 <    0.000010>".
func isStamp(s string) bool {
	sec, frac, ok := strings.Cut(s, ".")
	if !ok || !allDigits(sec) {
		return false
	}
	frac, delta, far := strings.Cut(frac, " <")
	return allDigits(frac) && (!far || isDelta("<"+delta))
}

// isDelta takes "+0.000123" and "<    0.000123>" of dmesg --reltime and --delta.
func isDelta(s string) bool {
	if t, ok := strings.CutPrefix(s, "+"); ok {
		return isStamp(strings.TrimLeft(t, " "))
	}
	t, ok := strings.CutPrefix(s, "<")
	t, closed := strings.CutSuffix(t, ">")
	return ok && closed && isStamp(strings.TrimLeft(t, " +"))
}

// isDate recognizes "Sun Nov 22 20:30:34 2026", with a fraction or not, and
// "Nov22 20:30" of dmesg --human.
func isDate(s string) bool {
	switch {
	case len(s) == 11:
		return isAlpha(s[0]) && isDigit(s[4]) && s[5] == ' ' && s[8] == ':' && allDigits(s[9:])
	case len(s) < 24 || s[3] != ' ' || s[7] != ' ':
		return false
	}
	year := s[len(s)-4:]
	return s[13] == ':' && s[16] == ':' && allDigits(year) && s[len(s)-5] == ' '
}

// isISO takes "2026-11-22T20:30:34..." and "2026-11-22 20:30:34...".
func isISO(s string) bool {
	return len(s) >= 19 && s[4] == '-' && s[7] == '-' && (s[10] == 'T' || s[10] == ' ') && s[13] == ':' && s[16] == ':' && allDigits(s[:4])
}

// isClock takes "20:30:34" and "20:30:34.123".
func isClock(s string) bool {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' || !allDigits(s[:2]) || !allDigits(s[3:5]) || !allDigits(s[6:8]) {
		return false
	}
	return len(s) == 8 || (s[8] == '.' || s[8] == ',') && allDigits(s[9:])
}

// takeClock takes the time that tools put in front of every line: in the forms
// of ISO 8601 (CI systems, dmesg --time-format=iso), or the clock alone.
// Sample: 2026-11-22T20:30:34.1234567Z [    1.000000] BUG: x
// Sample: 20:30:34.123 [    1.000000] BUG: x
func (p *Prefix) takeClock(s string) (string, bool) {
	if p.Time != "" || len(s) < 9 || s[2] != ':' && s[4] != '-' {
		return s, false
	}
	stamp, rest, ok := strings.Cut(s, " ")
	if len(stamp) == 10 && ok { // the date alone; the clock is the next word
		clock, after, _ := strings.Cut(rest, " ")
		stamp, rest = s[:len(stamp)+1+len(clock)], after
	}
	if len(stamp) > 40 || !isISO(stamp) && !isClock(stamp) {
		return s, false
	}
	// The form of syslog names host and program behind the time.
	if strings.Contains(rest[:min(len(rest), maxPrefix)], "kernel: ") {
		return s, false
	}
	p.Time, p.tool = stamp, true
	return rest, true
}

// microseconds rewrites the time of /dev/kmsg as printk does.
func microseconds(us string) string {
	if len(us) < 7 {
		us = strings.Repeat("0", 7-len(us)) + us
	}
	return us[:len(us)-6] + "." + us[len(us)-6:]
}
