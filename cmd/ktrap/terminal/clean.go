package terminal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text on the terminal is one of three things. A plain string may come from the
// guest: what does not print is spelled out, so that no task name moves the
// cursor. A block may, too, but keeps its lines. Ink was made by the palette and
// goes out as it is.
type (
	block string
	ink   string
)

// clean spells out what does not print: control characters, escape sequences,
// marks that turn the direction of writing, bytes that are no UTF-8.
func clean(s string, keep string) string {
	var b strings.Builder
	for len(s) > 0 {
		c, n := utf8.DecodeRuneInString(s)
		switch {
		case c == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(c), strings.ContainsRune(keep, c):
			b.WriteRune(c)
		case c < 0x80:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
		s = s[n:]
	}
	return b.String()
}

// printf prints; see ink for what may come out.
func (t *Terminal) printf(format string, args ...any) {
	for i, a := range args {
		switch a := a.(type) {
		case string:
			args[i] = clean(a, "")
		case block:
			args[i] = clean(string(a), "\n\t")
		case ink:
			args[i] = string(a)
		case error:
			args[i] = clean(a.Error(), "\n\t")
		}
	}
	fmt.Fprintf(t.out, format, args...)
}
