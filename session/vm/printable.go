package vm

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes bytes of the guest harmless for a terminal: newlines and
// tabs stay, a carriage return at the end of a line goes, everything that
// could move the cursor, change colours or reprogram keys becomes \x1b and the
// like.
func Printable(p []byte) string {
	var b strings.Builder
	b.Grow(len(p))
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case r == '\r' && (len(p) == 1 || p[1] == '\n' || p[1] == '\r'):
		case r == utf8.RuneError && n == 1, r < 0x20, r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, p[0])
		case !unicode.IsPrint(r): // C1 controls, bidirectional overrides, ...
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		p = p[n:]
	}
	return b.String()
}

// PrintableLine is Printable for text that must stay on one line.
func PrintableLine(s string) string {
	return oneLine.Replace(Printable([]byte(s)))
}

var oneLine = strings.NewReplacer("\n", `\n`, "\t", " ")
