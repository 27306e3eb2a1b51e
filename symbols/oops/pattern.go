package oops

import (
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// A pattern describes a piece of a line. It is literal text with these holes:
//
//	{func}  a symbol, its address before and its offset behind it included; captured without suffix
//	{word}  bytes without a blank; captured
//	{kind}  lower-case words joined by '-'; captured
//	{access} letters; captured
//	{malloc} a symbol of the kmalloc family
//	{num}   digits
//	{hex}   hexadecimal digits, 0x in front or not
//	{text}  the rest of the line up to what follows in the pattern, shortest first; captured
//	*       the same, not captured
//
// A '^' in front binds it to the start of the line, else it may start anywhere.
type pattern string

// captures holds what the holes of a pattern took, by the name of the hole.
type captures map[string]string

// maxMatch bounds the part of a line that patterns look at.
const maxMatch = 1024

// maxSteps bounds the work on one line: a line made for it could let two
// wildcards try every pair of places. No sample needs a tenth of it.
const maxSteps = 1000

// find looks for the pattern in a line.
func (p pattern) find(line string) (captures, bool) {
	caps, _, ok := p.match(line)
	return caps, ok
}

// match finds the pattern and tells how many steps that took.
func (p pattern) match(line string) (captures, int, bool) {
	if len(line) > maxMatch {
		line = line[:maxMatch]
	}
	var m matcher
	pat := string(p)
	if rest, ok := strings.CutPrefix(pat, "^"); ok {
		ok := m.here(rest, line)
		return m.caps, m.steps, ok
	}
	lead := literal(pat)
	for at := 0; at <= len(line); at++ {
		next := strings.Index(line[at:], lead)
		if next < 0 || m.spent() {
			break
		}
		at += next
		if m.here(pat, line[at:]) {
			return m.caps, m.steps, true
		}
	}
	return nil, m.steps, false
}

// literal gives the text that a pattern begins with.
func literal(pat string) string {
	if i := strings.IndexAny(pat, "{*"); i >= 0 {
		return pat[:i]
	}
	return pat
}

// matcher is the state of one match.
type matcher struct {
	caps  captures
	steps int
}

func (m *matcher) spent() bool { return m.steps > maxSteps }

// here matches a pattern at the start of s.
func (m *matcher) here(pat, s string) bool {
	if m.steps++; m.spent() {
		return false
	}
	lead := literal(pat)
	if !strings.HasPrefix(s, lead) {
		return false
	}
	s, pat = s[len(lead):], pat[len(lead):]
	if pat == "" {
		return true
	}
	if pat[0] == '*' {
		return m.text("", pat[1:], s)
	}
	name, rest, ok := strings.Cut(pat[1:], "}")
	if !ok {
		return strings.HasPrefix(s, pat)
	}
	if name == "text" {
		return m.text(name, rest, s)
	}
	taken, after, ok := takeHole(name, s)
	if !ok || !m.here(rest, after) {
		return false
	}
	m.set(name, taken)
	return true
}

// text lets a wildcard grow until the rest of the pattern fits.
func (m *matcher) text(name, rest, s string) bool {
	if rest == "" {
		m.set(name, s)
		return true
	}
	lead := literal(rest)
	for i := 0; i <= len(s) && !m.spent(); i++ {
		next := strings.Index(s[i:], lead)
		if next < 0 {
			return false
		}
		i += next
		if m.here(rest, s[i:]) {
			m.set(name, s[:i])
			return true
		}
	}
	return false
}

// set keeps the first hole of a name apart from the second: matches are set
// from the end of the pattern, so an earlier value moves to name2.
func (m *matcher) set(name, value string) {
	if name == "" {
		return
	}
	if m.caps == nil {
		m.caps = captures{}
	}
	if old, ok := m.caps[name]; ok {
		m.caps[name+"2"] = old
	}
	m.caps[name] = value
}

func takeHole(name, s string) (taken, rest string, ok bool) {
	switch name {
	case "malloc": // one of the kmalloc family by its name
		taken, rest, ok = takeFunc(s)
		front, _, found := strings.Cut(taken, "malloc")
		return taken, rest, ok && found && len(front) <= 2
	case "func":
		return takeFunc(s)
	case "word":
		taken, rest = span(s, func(c byte) bool { return c > ' ' })
	case "kind":
		taken, rest = span(s, func(c byte) bool { return c >= 'a' && c <= 'z' || c == '-' || c == '_' || isDigit(c) })
	case "access":
		taken, rest = span(s, isAlpha)
	case "num":
		taken, rest = span(s, isDigit)
	case "hex":
		taken, rest = span(strings.TrimPrefix(s, "0x"), isHex)
	}
	return taken, rest, taken != ""
}

// takeFunc takes "[<addr>] name.suffix+0x1/0x2" and gives the bare name.
func takeFunc(s string) (name, rest string, ok bool) {
	f := Frame{}
	s, _ = f.takeAddrs(s)
	s = strings.TrimPrefix(s, "(")
	rest, _, ok = f.takeSymbol(s)
	return baseName(f.Func), rest, ok
}

// maxSymbol is the length of the longest name that kernels print.
const maxSymbol = 512

// baseName reads a mangled name and drops what compilers append to a symbol (.cold, .constprop.0, .isra.12).
func baseName(f string) string {
	if len(f) <= maxSymbol && (strings.HasPrefix(f, "_Z") || strings.HasPrefix(f, "_R")) {
		f = demangle.Filter(f, demangle.NoParams, demangle.NoTemplateParams, demangle.NoEnclosingParams)
	}
	if i := strings.IndexByte(f, '.'); i > 0 {
		return f[:i]
	}
	return f
}
