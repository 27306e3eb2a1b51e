package oops

import "strings"

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
	case l.Prefix.stamped() && l.Prefix.Time != "":
		k.spoken = true
	}
}
