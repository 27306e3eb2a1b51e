package report

import "strings"

// maxSlug leaves room for time and number in a file name of 255 bytes.
const maxSlug = 100

// slug makes a file name of a title: lower case, words joined by dashes.
// Sample: "BUG: unable to handle kernel NULL pointer dereference in crash_null"
// gives "bug-unable-to-handle-kernel-null-pointer-dereference-in-crash_null".
func slug(title string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(title) {
		if b.Len() >= maxSlug {
			break
		}
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_', c == '.' && b.Len() > 0:
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if s := strings.TrimRight(b.String(), "-."); s != "" {
		return s
	}
	return "crash"
}
