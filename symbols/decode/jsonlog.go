package decode

import (
	"bytes"
	"strings"
	"time"

	"ktrap/symbols/oops"
)

// fillLog adds what the log itself says: its lines, when it was, in which file.
func (a *Annotator) fillLog(c *Crash, o *oops.Oops) {
	c.Stamp, c.Time = o.Time, wallClock(o.Time)
	c.Log = strings.ToValidUTF8(string(o.Report), "?")
	c.ConsoleTail = a.tail()
	c.File = guiltyFile(c, o)
	if a.redact != nil { // as JSON their lines are not seen as such
		c.Log, c.ConsoleTail = a.redact.text(c.Log), a.redact.text(c.ConsoleTail)
	}
}

// tailBytes is how much of the end of the console an object has.
const tailBytes = 4 << 10

// tail gives the last whole lines of the log so far.
func (a *Annotator) tail() string {
	b := a.crash.Tail()
	if len(b) > tailBytes {
		b = b[len(b)-tailBytes:]
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	return strings.ToValidUTF8(string(b), "?")
}

// wallClock gives a time stamp in the form of RFC 3339, empty if it does not say
// which time it is everywhere.
// Sample: 2026-11-22T20:30:34,123456+00:00
func wallClock(stamp string) string {
	stamp = strings.Replace(strings.Replace(stamp, ",", ".", 1), " ", "T", 1)
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700"} {
		if t, err := time.Parse(form, stamp); err == nil {
			return t.Format(time.RFC3339Nano)
		}
	}
	return ""
}

// guiltyFile gives the source file of the function that the title names: of its
// frame, else where the head says it is.
// Sample: kernel BUG at mm/slub.c:419!
func guiltyFile(c *Crash, o *oops.Oops) string {
	for _, f := range c.Frames {
		if f.File != "" && baseOf(f.Func) == c.Guilty {
			return f.File
		}
	}
	if c.Guilty == "" || c.Guilty != baseOf(o.RIP.Func) && c.Guilty != baseOf(firstFunc(o)) {
		return ""
	}
	_, rest, ok := strings.Cut(o.Head, " at ")
	if warning, head := strings.CutPrefix(o.Head, "WARNING: "); !ok || head && strings.Contains(warning, ", CPU#") {
		rest = warning
	}
	word, _, _ := strings.Cut(rest, " ")
	file, line, ok := strings.Cut(strings.TrimRight(word, "!:"), ":")
	if !ok || line == "" || !isDigit(line[0]) || !strings.Contains(file, ".") {
		return ""
	}
	return file
}

// firstFunc gives the innermost function of the report's stack.
func firstFunc(o *oops.Oops) string {
	if len(o.Frames) == 0 {
		return ""
	}
	return o.Frames[0].Func
}

// baseOf takes off what compilers append to a name.
func baseOf(name string) string {
	base, _, _ := strings.Cut(name, ".")
	return base
}
