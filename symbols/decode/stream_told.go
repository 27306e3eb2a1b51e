package decode

import (
	"bytes"
	"slices"
	"strings"
)

// A log that has been decoded before has its answers already.

const (
	maxPassed = 4096 // marked lines that are remembered
	maxTold   = 64   // titles
)

// remember keeps a marked line that passes. Titles are kept beyond the next line:
// on a console that fell silent they stand before the end of their report.
func (a *Annotator) remember(raw []byte) {
	if len(a.passed) < maxPassed {
		a.passed = append(a.passed, bytes.Clone(raw))
	}
	text, _ := cutEnd(raw)
	if title, ok := bytes.CutPrefix(text, []byte(Mark+keyCrash+": ")); ok {
		if len(a.told) == maxTold {
			a.told = a.told[1:]
		}
		a.told = append(a.told, string(title))
	}
}

// insert writes marked lines before the line that is about to come, unless a block
// that begins so has passed: what it says may be of other symbol files.
func (a *Annotator) insert(block []string) {
	if len(block) == 0 || a.hasPassed(block[0]) {
		return
	}
	a.endLine()
	for _, t := range block {
		a.writeMarked(t)
	}
}

// hasPassed says whether a block has been written already, by its first line.
func (a *Annotator) hasPassed(first string) bool {
	key, title, _ := strings.Cut(first, ": ")
	if key == keyCrash {
		i := slices.Index(a.told, title)
		if i < 0 {
			return false
		}
		a.told = slices.Delete(a.told, i, i+1)
		return true
	}
	return slices.ContainsFunc(a.passed, func(p []byte) bool { return bytes.HasPrefix(p, []byte(Mark+key)) })
}
