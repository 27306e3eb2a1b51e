package oops

import (
	"bytes"
	"strings"
)

// life is whether a kernel runs, as far as its lines tell.
type life struct {
	spoken   bool // a kernel has said something
	stopping bool // and that it stops
}

func (k *life) runs() bool { return k.spoken && !k.stopping }

// follow takes the next line, and its form if it is a head.
func (k *life) follow(l *Line, f *form) {
	switch {
	case f != nil && f.class == Panic, strings.HasPrefix(l.Text, "reboot: "):
		k.stopping = true
	case f != nil && f.running, strings.HasPrefix(l.Text, "Linux version "):
		*k = life{}
	case isOfRunning(l):
		k.spoken = true
	}
}

// skim follows lines in which none of the words is that end a life.
func (k *life) skim(text []byte) {
	for !k.spoken && len(text) > 0 {
		end := bytes.IndexByte(text, '\n') + 1
		if end == 0 {
			end = len(text)
		}
		// Only what may be a time stamp or a prompt is worth a closer look.
		if bytes.ContainsAny(text[:min(end, maxPrefix)], "[;:") {
			l := newLine(0, text[:end])
			k.spoken = isOfRunning(&l)
		}
		text = text[end:]
	}
}

// isOfRunning says whether only a kernel that runs lets such a line come.
func isOfRunning(l *Line) bool {
	return l.Prefix.stamped() && l.Prefix.Time != "" || strings.HasSuffix(l.Text, "executing program") || strings.HasSuffix(l.Text, " login: ")
}
