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

// maxMatch bounds the part of a line that patterns look at, because two
// wildcards cost the square of its length.
const maxMatch = 1024

// find looks for the pattern in a line.
func (p pattern) find(line string) (captures, bool) {
	if len(line) > maxMatch {
		line = line[:maxMatch]
	}
	pat := string(p)
	if rest, ok := strings.CutPrefix(pat, "^"); ok {
		caps := captures{}
		return caps, matchHere(rest, line, caps)
	}
	lead := pat
	if i := strings.IndexAny(pat, "{*"); i >= 0 {
		lead = pat[:i]
	}
	for at := 0; at <= len(line); at++ {
		next := strings.Index(line[at:], lead)
		if next < 0 {
			return nil, false
		}
		at += next
		caps := captures{}
		if matchHere(pat, line[at:], caps) {
			return caps, true
		}
	}
	return nil, false
}

// matchHere matches a pattern at the start of s.
func matchHere(pat, s string, caps captures) bool {
	hole := strings.IndexAny(pat, "{*")
	if hole < 0 {
		return strings.HasPrefix(s, pat)
	}
	if !strings.HasPrefix(s, pat[:hole]) {
		return false
	}
	s, pat = s[hole:], pat[hole:]
	if pat[0] == '*' {
		return matchText("", pat[1:], s, caps)
	}
	name, rest, ok := strings.Cut(pat[1:], "}")
	if !ok {
		return strings.HasPrefix(s, pat)
	}
	if name == "text" {
		return matchText(name, rest, s, caps)
	}
	taken, after, ok := takeHole(name, s)
	if !ok || !matchHere(rest, after, caps) {
		return false
	}
	caps.set(name, taken)
	return true
}

// matchText lets a wildcard grow until the rest of the pattern fits.
func matchText(name, rest, s string, caps captures) bool {
	if rest == "" {
		caps.set(name, s)
		return true
	}
	literal := rest
	if i := strings.IndexAny(rest, "{*"); i >= 0 {
		literal = rest[:i]
	}
	for i := 0; i <= len(s); i++ {
		next := strings.Index(s[i:], literal)
		if next < 0 {
			return false
		}
		i += next
		if matchHere(rest, s[i:], caps) {
			caps.set(name, s[:i])
			return true
		}
	}
	return false
}

// set keeps the first hole of a name apart from the second: matches are set
// from the end of the pattern, so an earlier value moves to name2.
func (c captures) set(name, value string) {
	if name == "" {
		return
	}
	if old, ok := c[name]; ok {
		c[name+"2"] = old
	}
	c[name] = value
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

// baseName reads a mangled name and drops what compilers append to a symbol (.cold, .constprop.0, .isra.12).
func baseName(f string) string {
	if strings.HasPrefix(f, "_Z") || strings.HasPrefix(f, "_R") {
		f = demangle.Filter(f, demangle.NoParams, demangle.NoTemplateParams, demangle.NoEnclosingParams)
	}
	if i := strings.IndexByte(f, '.'); i > 0 {
		return f[:i]
	}
	return f
}
