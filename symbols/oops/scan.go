package oops

import "strconv"

// Small scanners over the text of one line. Each gives what it took and the rest.

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func isAlpha(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// isSymbol says whether c may stand in a symbol. '$' and '.' come from Rust and
// from compiler suffixes such as .constprop.0.
func isSymbol(c byte) bool { return isAlpha(c) || isDigit(c) || c == '_' || c == '.' || c == '$' }

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func allHex(s string) bool {
	for i := range len(s) {
		if !isHex(s[i]) {
			return false
		}
	}
	return s != ""
}

// atoi gives the number in s, -1 if it is none or too large.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// span gives the longest start of s whose bytes satisfy f.
func span(s string, f func(byte) bool) (taken, rest string) {
	i := 0
	for i < len(s) && f(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

// hexNumber takes 0x and 1 to 16 hexadecimal digits.
func hexNumber(s string) (v uint64, rest string, ok bool) {
	if len(s) < 3 || s[0] != '0' || s[1] != 'x' {
		return 0, s, false
	}
	digits, rest := span(s[2:], isHex)
	v, err := strconv.ParseUint(digits, 16, 64)
	return v, rest, err == nil
}

// bareHex takes 1 to 16 hexadecimal digits without 0x.
func bareHex(s string) (v uint64, rest string, ok bool) {
	digits, rest := span(s, isHex)
	v, err := strconv.ParseUint(digits, 16, 64)
	return v, rest, err == nil
}

// skipBlanks drops blanks and tabs at the start.
func skipBlanks(s string) string {
	_, rest := span(s, func(c byte) bool { return c == ' ' || c == '\t' })
	return rest
}
