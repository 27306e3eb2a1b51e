package decode

import (
	"bytes"
	"fmt"
	"strings"

	"ktrap/symbols"
	"ktrap/symbols/oops"
)

// layout writes a line with its answers and gives the marked lines to put after it.
func (a *Annotator) layout(l *oops.Line, list []place, answers []*answer) (post []string) {
	for i := range list {
		if answers[i] == nil && !list[i].decoded && (list[i].name == "" || a.mayFind()) {
			a.wait(&list[i])
		}
	}
	switch a.o.Layout {
	case none:
		a.write(l.Raw)
	case Script:
		a.write(asScript(l.Raw, list, answers))
	case Syzbot:
		for _, line := range asSyzbot(l.Raw, list, answers) {
			a.write(line)
		}
	default:
		a.write(l.Raw)
		for i := range list {
			if answers[i] != nil {
				post = append(post, a.own(&list[i], answers[i])...)
			}
		}
	}
	return post
}

// own gives an answer in ktrap's own layout: one line per level, innermost first.
// Sample: fs/read_write.c:590:14 in vfs_write
func (a *Annotator) own(p *place, ans *answer) []string {
	sign := ""
	if p.unsure {
		sign = "? "
	}
	if len(ans.spots) == 0 {
		if p.unsure || ans.note == "" {
			return nil
		}
		return []string{"(" + ans.note + ")"}
	}
	var list []string
	if ans.note != "" {
		list = append(list, sign+"("+ans.note+")")
	}
	for i := range ans.spots {
		s := &ans.spots[i]
		if p.unsure && (len(s.levels) == 0 || at(&s.levels[0]) == "") {
			continue // a pointer on the stack, as to the start of a function
		}
		for j := range s.levels {
			list = append(list, sign+ownLevel(s, j, p.name == ""))
		}
		if len(s.levels) == 0 {
			list = append(list, fmt.Sprintf("%s(%v)", sign, s.reason))
		}
		if p.exact && len(ans.spots) == 1 && len(s.levels) > 0 {
			list = append(list, marked(a.excerpt(&s.levels[0]), s.levels[0].Line)...)
		}
	}
	return list
}

// ownLevel words one level. A frame of one level only needs no name: it stands on
// the line above.
func ownLevel(s *spot, i int, bare bool) string {
	l := &s.levels[i]
	last := i == len(s.levels)-1
	where := at(l)
	switch {
	case where == "":
		where = fmt.Sprintf("(%v)", s.reason)
	case l.Column > 0:
		where = fmt.Sprintf("%s:%d", where, l.Column)
	}
	switch {
	case !last:
		return where + " in " + symbols.Demangle(l.Func) + " (inlined)"
	case bare:
		return where + " in " + s.fn.String()
	case i > 0 || l.Func != symbols.Demangle(l.Func):
		return where + " in " + symbols.Demangle(l.Func)
	}
	return where
}

// at gives file:line, empty if there is none.
func at(l *symbols.Location) string {
	if l.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", l.File, l.Line)
}

// excerpt gives the source around a line, nil if it is not on this host.
func (a *Annotator) excerpt(l *symbols.Location) []symbols.SourceLine {
	if a.o.Context <= 0 || l.Line == 0 || a.choice.kernel == nil {
		return nil
	}
	text, err := a.sourcesOf(a.choice.kernel.offline.Release()).Context(*l, a.o.Context)
	if err != nil {
		return nil // as a rule the source is not here
	}
	return text
}

// marked writes source lines, one of them marked.
func marked(text []symbols.SourceLine, line int) []string {
	list := make([]string, len(text))
	for i, l := range text {
		sign := ' '
		if l.Number == line {
			sign = '>'
		}
		list[i] = fmt.Sprintf("%c %5d  %s", sign, l.Number, l.Text)
	}
	return list
}

// sourcesOf gives the finder of source text of a release.
func (a *Annotator) sourcesOf(release string) *symbols.Sources {
	if f, ok := a.sources[release]; ok {
		return f
	}
	o := a.o.Sources
	o.Release = release
	if a.sources == nil {
		a.sources = map[string]*symbols.Sources{}
	}
	a.sources[release] = symbols.NewSources(&o)
	return a.sources[release]
}

// chain gives the file:line of all levels as addr2line -i writes them; of several
// spots all, with a bar between them. Empty if a spot has no line.
func (ans *answer) chain() string {
	if ans == nil {
		return ""
	}
	var spots []string
	for i := range ans.spots {
		var levels []string
		for j := range ans.spots[i].levels {
			if w := at(&ans.spots[i].levels[j]); w != "" {
				levels = append(levels, w)
			}
		}
		if len(levels) == 0 {
			return ""
		}
		spots = append(spots, strings.Join(levels, " "))
	}
	return strings.Join(spots, " | ")
}

// asScript rewrites a line as decode_stacktrace.sh does, blanks kept: the offset
// gives way to the lines, the address goes, the module loses its brackets.
// Sample: c_oob (crashme.c:123) crashme
func asScript(raw []byte, list []place, answers []*answer) []byte {
	out := raw
	for i := len(list) - 1; i >= 0; i-- {
		p, code := &list[i], answers[i].chain()
		if code == "" {
			continue
		}
		name := symbols.Demangle(p.name)
		if name == "" {
			name = symbols.Demangle(answers[i].spots[0].fn.Name)
		}
		text := name + " (" + code + ")"
		if p.module != "" {
			text += " " + p.module
		}
		front := raw[:p.start]
		if p.name != "" {
			front = withoutAddr(front)
		}
		out = bytes.Join([][]byte{front, []byte(text), out[p.tail:]}, nil)
	}
	return out
}

// withoutAddr takes the address out that stands before a name, or before its '?'.
func withoutAddr(front []byte) []byte {
	named := bytes.TrimSuffix(front, []byte("? "))
	return append(bytes.Clone(named[:beforeAddr(named, len(named))]), front[len(named):]...)
}

// beforeAddr gives where "[<ffffffff81000000>] " begins that ends at a position.
func beforeAddr(raw []byte, at int) int {
	for {
		before := bytes.TrimRight(raw[:at], " ")
		i := bytes.LastIndex(before, []byte("[<"))
		if i < 0 || !bytes.HasSuffix(before, []byte(">]")) {
			return at
		}
		at = i
	}
}

// asSyzbot writes a line as the dashboard's reports have it: the inlined levels
// on lines before it, file:line behind the size.
// Sample: vfs_write+0x1a4/0x840 fs/read_write.c:590
func asSyzbot(raw []byte, list []place, answers []*answer) [][]byte {
	var lines [][]byte
	out := raw
	for i := len(list) - 1; i >= 0; i-- {
		p, ans := &list[i], answers[i]
		if ans.chain() == "" {
			continue
		}
		var outer []string
		for j := range ans.spots {
			levels := ans.spots[j].levels
			outer = append(outer, at(&levels[len(levels)-1]))
		}
		text := " " + strings.Join(outer, " | ")
		if len(list) == 1 && len(ans.spots) == 1 {
			lines = inlined(raw, p, ans.spots[0].levels)
		}
		if p.name == "" {
			text = " " + ans.spots[0].fn.String() + text
		}
		out = bytes.Join([][]byte{out[:p.end], []byte(text), out[p.end:]}, nil)
	}
	return append(lines, out)
}

// inlined gives a line of its own for every level that the compiler inlined.
// Sample: __vfs_write fs/read_write.c:12 [inline]
func inlined(raw []byte, p *place, levels []symbols.Location) (lines [][]byte) {
	start := beforeAddr(raw, p.start)
	_, end := cutEnd(raw)
	if len(end) == 0 {
		end = []byte("\n") // the last line of a log that was cut
	}
	for j := range levels[:len(levels)-1] {
		l := &levels[j]
		text := symbols.Demangle(l.Func) + " " + at(l) + " [inline]"
		lines = append(lines, bytes.Join([][]byte{raw[:start], []byte(text), end}, nil))
	}
	return lines
}
