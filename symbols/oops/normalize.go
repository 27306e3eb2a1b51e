package oops

import "strings"

// maxTitle is the length titles are cut to.
const maxTitle = 120

// normalize replaces in a title what differs from one hit to the next:
// addresses, numbers, line numbers, CPUs, names of test processes.
func normalize(title string) string {
	var b strings.Builder
	for i := 0; i < len(title); {
		prev := byte(' ')
		if i > 0 {
			prev = title[i-1]
		}
		taken, text := normalizeAt(title[i:], prev)
		b.WriteString(text)
		i += taken
	}
	s := strings.TrimSpace(b.String())
	if len(s) > maxTitle {
		s = strings.TrimSpace(s[:maxTitle])
	}
	return s
}

// normalizeAt gives how many bytes of s it stands for and what they become.
func normalizeAt(s string, prev byte) (taken int, text string) {
	switch {
	case s[0] == '+' && isSymbol(prev):
		if n := offsetLen(s); n > 0 {
			return n, ""
		}
	case s[0] == ':':
		if n := placeLen(s); n > 0 && isSymbol(prev) {
			return n, ":LINE"
		}
	case strings.HasPrefix(s, "CPU#"):
		digits, _ := span(s[4:], isDigit)
		return 4 + len(digits), "CPU"
	case strings.HasPrefix(s, "syz-executor"):
		tail, _ := span(s[12:], func(c byte) bool { return isDigit(c) || c == '.' || c == '/' || c == ':' })
		return 12 + len(strings.TrimRight(tail, ":.")), "syz-executor"
	case strings.HasPrefix(s, "syzkaller") && len(s) > 9 && isDigit(s[9]):
		tail, _ := span(s[9:], func(c byte) bool { return isDigit(c) || c == '/' || c == ':' })
		return 9 + len(strings.TrimRight(tail, ":")), "syzkaller"
	}
	if !isHex(s[0]) {
		return 1, s[:1]
	}
	return normalizeNumber(s, prev)
}

// normalizeNumber decides about a run of digits: part of a name, address or number.
func normalizeNumber(s string, prev byte) (taken int, text string) {
	inName := isSymbol(prev) && prev != '.'
	if !inName {
		if v, rest, ok := hexNumber(s); ok && (rest == "" || !isSymbol(rest[0])) {
			if v > 0xfffff {
				return len(s) - len(rest), "ADDR"
			}
			return len(s) - len(rest), "NUM"
		}
		run, rest := span(s, isHex)
		if len(run) >= 8 && strings.ContainsAny(run, "0123456789") && (rest == "" || !isSymbol(rest[0])) {
			return len(run), "ADDR"
		}
	}
	digits, rest := span(s, isDigit)
	switch {
	case digits == "":
		return 1, s[:1]
	case len(digits) >= 5 && (rest == "" || !isAlpha(rest[0]) && rest[0] != '_'):
		return len(digits), "NUM"
	case !inName && (rest == "" || !isAlpha(rest[0]) && rest[0] != '_'):
		return len(digits), "NUM"
	}
	return len(digits), digits
}

// offsetLen measures "+0x1/0x2".
func offsetLen(s string) int {
	_, rest, ok := hexNumber(s[1:])
	if !ok {
		return 0
	}
	if t, slash := strings.CutPrefix(rest, "/"); slash {
		if _, after, ok := hexNumber(t); ok {
			rest = after
		}
	}
	return len(s) - len(rest)
}

// placeLen measures ":12" and ":12:7".
func placeLen(s string) int {
	rest := s
	for strings.HasPrefix(rest, ":") {
		digits, after := span(rest[1:], isDigit)
		if digits == "" {
			break
		}
		rest = after
	}
	return len(s) - len(rest)
}
