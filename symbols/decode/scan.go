package decode

import (
	"bytes"
	"strconv"

	"ktrap/symbols/addr"
)

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' }

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// isSymbol says whether c may stand in a symbol. '$' and '.' come from Rust and
// from compiler suffixes such as .constprop.0.
func isSymbol(c byte) bool { return isAlpha(c) || isDigit(c) || c == '_' || c == '.' || c == '$' }

// hexAt takes "0x" and up to 16 digits and says how many bytes that was, 0 if none.
func hexAt(b []byte) (v uint64, n int) {
	if len(b) < 3 || b[0] != '0' || b[1] != 'x' {
		return 0, 0
	}
	n = 2
	for n < len(b) && n < 18 && isHex(b[n]) {
		n++
	}
	v, err := strconv.ParseUint(string(b[2:n]), 16, 64)
	if err != nil {
		return 0, 0
	}
	return v, n
}

// parseHex reads digits with or without 0x.
func parseHex(b []byte) (addr.Addr, bool) {
	v, err := strconv.ParseUint(string(bytes.TrimPrefix(b, []byte("0x"))), 16, 64)
	return addr.Addr(v), err == nil
}

// isFileLine says whether a word is file.c:12 or file.c:12:3.
func isFileLine(word []byte) bool {
	file, rest, ok := bytes.Cut(word, []byte(":"))
	num, _, _ := bytes.Cut(rest, []byte(":"))
	if !ok || bytes.IndexByte(file, '.') < 0 || len(num) == 0 {
		return false
	}
	for _, c := range num {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// cutEnd splits the end of a line off: "\n", "\r\n" or nothing.
func cutEnd(raw []byte) (text, end []byte) {
	text = bytes.TrimSuffix(raw, []byte("\n"))
	text = bytes.TrimRight(text, "\r")
	return text, raw[len(text):]
}
