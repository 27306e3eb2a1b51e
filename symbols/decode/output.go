package decode

import (
	"bytes"
	"fmt"
	"strings"

	"ktrap/symbols/oops"
)

// Colours of what ktrap adds.
const (
	dim   = "\x1b[36m"
	bold  = "\x1b[1;31m"
	plain = "\x1b[0m"
)

// write puts out a line of the log.
func (a *Annotator) write(raw []byte) {
	if a.redact != nil {
		raw = a.redact.line(raw)
	}
	if a.o.Printable != nil {
		a.out.WriteString(a.o.Printable(raw)) // errors stay in the writer until it is flushed
		return
	}
	a.out.Write(raw)
}

// added makes a marked line of a text. It ends as the lines of the log do.
func (a *Annotator) added(text string) []byte {
	line := append([]byte(Mark), text...)
	line = append(line, a.lineEnd()...)
	if a.redact != nil {
		line = a.redact.line(line)
	}
	return line
}

// lineEnd gives how the lines of the log end.
func (a *Annotator) lineEnd() string {
	if bytes.HasSuffix(a.end, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

// writeMarked puts out a line that ktrap adds, and gives it without colours.
func (a *Annotator) writeMarked(text string) []byte {
	line := a.added(text)
	shown := line
	if a.o.Printable != nil {
		shown = []byte(a.o.Printable(line))
	}
	if a.o.Color {
		body, end := cutEnd(shown)
		shown = bytes.Join([][]byte{[]byte(colorOf(text)), body, []byte(plain), end}, nil)
	}
	a.out.Write(shown)
	return line
}

func colorOf(text string) string {
	if strings.HasPrefix(text, keyCrash+": ") || strings.HasPrefix(text, keyCause+": ") {
		return bold
	}
	return dim
}

// What the blocks begin with that tell of a crash.
const (
	keyCrash = "crash"
	keyCause = "cause"
)

// summary is what is said of a crash behind its report.
func summary(o *oops.Oops) []string {
	list := []string{keyCrash + ": " + o.Title}
	if o.Type != "" {
		list = append(list, "type: "+o.Type)
	}
	if o.Corrupted {
		list = append(list, fmt.Sprintf("corrupted: %s; the title is a guess", o.CorruptedReason))
	}
	return list
}
