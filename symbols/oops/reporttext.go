package oops

import (
	"bytes"
	"slices"
	"strings"
)

// maxBefore is how many lines in front of a report its text begins with: they
// often tell what the kernel was about.
const maxBefore = 5

// wholeAt is how many lines make a report worth reading without the panic or
// warning it ends in, whose stack only repeats it.
const wholeAt = 40

// reportText gives the report as the public dashboard shows it: the last lines
// of the same context before it, then its own without the frames marked '?', unless
// there are no others.
func (s *segment) reportText(doubtful bool) []byte {
	var b bytes.Buffer
	for _, text := range s.before {
		b.WriteString(text)
		b.WriteByte('\n')
	}
	for i := range s.entries {
		e := &s.entries[i]
		if i >= wholeAt && (strings.Contains(e.text, "Kernel panic - not syncing") || strings.Contains(e.text, "WARNING:")) {
			break
		}
		if !doubtful && e.isDoubtful() || strings.Contains(e.text, "Disabling lock debugging due to kernel taint") {
			continue
		}
		b.WriteString(e.text)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// isDoubtful says whether a line is a frame marked '?' and nothing else.
func (e *entry) isDoubtful() bool {
	return e.kind == frameLine && !e.frame.Reliable && !e.leave
}

// recent keeps the end of a stream, so that a report can begin before its head.
type recent struct {
	buf []byte
}

// keepRecent bounds what is kept, in bytes.
const keepRecent = 8 << 10

// maxLookBack bounds how many lines are looked at for those of one context.
const maxLookBack = 64

// add appends a line. What is too old is dropped now and then.
func (r *recent) add(raw []byte) {
	if len(r.buf)+len(raw) > 2*keepRecent {
		r.buf = append(r.buf[:0], r.buf[max(0, len(r.buf)-keepRecent):]...)
	}
	r.buf = append(r.buf, raw[max(0, len(raw)-keepRecent):]...)
}

// sinceKernel gives how many bytes ago the last line began that shows that a
// kernel ran; 0 if there is none.
func (r *recent) sinceKernel() int {
	for rest := r.buf; len(rest) > 0; {
		at := bytes.LastIndexByte(rest[:len(rest)-1], '\n') + 1
		if l := newLine(0, rest[at:]); isOfRunning(&l) {
			return len(r.buf) - at
		}
		rest = rest[:at]
	}
	return 0
}

// before gives the texts of the last lines of the context that head is in.
func (r *recent) before(head *Line) []string {
	var texts []string
	rest := r.buf
	for looked := 0; len(rest) > 0 && len(texts) < maxBefore && looked < maxLookBack; looked++ {
		end := bytes.LastIndexByte(rest[:len(rest)-1], '\n') + 1
		l := newLine(0, rest[end:])
		rest = rest[:end]
		if l.Text == "" || l.Prefix.Caller != head.Prefix.Caller || head.Prefix.stamped() && !l.Prefix.stamped() {
			continue
		}
		if e := readLine(l.Text); !e.isDoubtful() {
			texts = append(texts, l.Text)
		}
	}
	slices.Reverse(texts)
	return texts
}
