package oops

import "bytes"

// Words finds what makes a line worth reading: the marks of all heads, what else
// crashes are judged by, and the words of who reads on.
type Words struct{ m *marks }

// judged are the words by which lines outside of a report say something about it.
var judged = []string{"Kernel panic - not syncing", "Kill process ", "Killed process ", "lowmemorykiller: Killing ", " Part", "reboot: ", "Linux version "}

// NewWords makes the set with words of one's own.
func NewWords(own ...string) *Words {
	words := append(append(append([]string(nil), own...), judged...), noise...)
	for _, h := range heads() {
		words = append(words, h.mark)
	}
	return &Words{newMarks(words, func(int) uint64 { return 1 })}
}

// first gives where the first word ends in a text, -1 if there is none.
func (w *Words) first(text []byte) int {
	m := w.m
	next, class := m.next, &m.class
	s := uint32(0)
	for i, c := range text {
		s = next[s+uint32(class[c])]
		if s&ends != 0 {
			return i
		}
	}
	return -1
}

// Skim passes over lines in which nothing is that matters to a crash, and none of
// the words: as if each had been given to Line, and faster.
// Shape: text is whole lines; the result is how many bytes were passed over, whole
// lines again. It is 0 as long as a report is open.
func (g *Gatherer) Skim(text []byte, w *Words) int {
	if len(g.g.open) > 0 || g.g.dump.name != "" {
		return 0
	}
	n := len(text)
	if at := w.first(text); at >= 0 {
		n = lineStart(text, at)
	}
	// Words may be cut by what consoles put between.
	if at := bytes.IndexByte(text[:n], escape); at >= 0 {
		n = lineStart(text, at)
	}
	if at := strayReturn(text[:n]); at >= 0 {
		n = lineStart(text, at)
	}
	g.g.life.skim(text[:n])
	g.g.recent.add(text[:n])
	return n
}

// lineStart gives where the line begins that a position is in.
func lineStart(text []byte, at int) int { return bytes.LastIndexByte(text[:at], '\n') + 1 }

// strayReturn finds a '\r' that does not end a line, -1 if there is none.
func strayReturn(text []byte) int {
	for at := 0; ; at++ {
		i := bytes.IndexByte(text[at:], '\r')
		if i < 0 {
			return -1
		}
		if at += i; at+1 >= len(text) || text[at+1] != '\n' {
			return at
		}
	}
}
