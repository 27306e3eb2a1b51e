package oops

import (
	"maps"
	"slices"
	"strings"
)

// choose finds the form of a head by its line alone.
func (h *head) choose(line string) (*form, captures) {
	for i := range h.forms {
		if caps, ok := h.forms[i].match.find(line); ok {
			return &h.forms[i], caps
		}
	}
	return nil, nil
}

// chooseIn finds the form by the whole report: some wordings differ by a line
// further down.
func (h *head) chooseIn(lines []entry) (*form, captures) {
	for i := range h.forms {
		f := &h.forms[i]
		caps, ok := f.match.find(lines[0].text)
		if !ok {
			continue
		}
		if f.then == "" {
			return f, caps
		}
		for j := range lines[1:] {
			if more, ok := f.then.find(lines[1+j].text); ok {
				if caps == nil {
					caps = captures{}
				}
				maps.Copy(caps, more)
				return f, caps
			}
		}
	}
	return nil, nil
}

// describe words title, alternative titles and guilty function of a report.
func (o *Oops) describe(h *head, lines []entry) {
	f, caps := h.chooseIn(lines)
	if f == nil {
		o.Title, o.Class = normalize(lines[0].text), BUG
		o.corrupt("head line is cut")
		return
	}
	o.Class, o.Minor, o.Bare = f.class, f.minor, f.bare
	for k, v := range caps {
		caps[k] = strings.TrimRight(strings.TrimSpace(v), " ]")
	}
	names := []string{""}
	if f.route != nil {
		names = o.blame(f, lines)
	}
	o.word(f, caps, names)
	o.Type = typeOf(o.Title)
	if hasStamp(o.Title) {
		o.corrupt("a time stamp in the title")
	}
	if f.broken != "" {
		o.corrupt(f.broken)
	}
	if f.task && !hasTask(lines) {
		o.corrupt("no CPU line")
	}
	if reason := damage(lines, f.bare); reason != "" {
		o.corrupt(reason)
	}
}

// blame follows the form's route and gives the names to put in the title.
func (o *Oops) blame(f *form, lines []entry) []string {
	skip := &skipList{base: blameless, extra: f.skip}
	funcs, damaged := f.route.walk(lines, skip)
	if len(funcs) == 0 && f.other != nil {
		funcs, damaged = f.other.walk(lines, skip)
	}
	if damaged {
		o.corrupt("foreign stack inside a stack")
	}
	pick := f.pick
	if pick == nil {
		pick = pickFirst
	}
	names := pick(funcs)
	if len(names) == 0 || damaged {
		o.corrupt("no guilty function")
		names = []string{lost}
	}
	return names
}

// word fills the templates: the first name goes into the title, every name
// into the alternatives.
func (o *Oops) word(f *form, caps captures, names []string) {
	o.Guilty = names[0]
	if f.route == nil {
		o.Guilty = caps["func"]
	}
	o.Title = normalize(expand(f.title, caps, names[0]))
	for _, n := range names {
		for _, t := range append([]string{f.title}, f.alts...) {
			alt := normalize(expand(t, caps, n))
			if alt != o.Title && !slices.Contains(o.AltTitles, alt) {
				o.AltTitles = append(o.AltTitles, alt)
			}
		}
	}
	slices.Sort(o.AltTitles)
}

func expand(template string, caps captures, frame string) string {
	var b strings.Builder
	for {
		text, rest, ok := strings.Cut(template, "{")
		b.WriteString(text)
		if !ok {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		if name == "frame" {
			b.WriteString(frame)
		} else {
			b.WriteString(caps[name])
		}
		template = after
	}
}

// corrupt flags the report; the first reason stays.
func (o *Oops) corrupt(reason string) {
	if !o.Corrupted {
		o.Corrupted, o.CorruptedReason = true, reason
	}
}

// noFrames is what a report lacks whose stacks have no frame to rely on.
const noFrames = "no frames in a stack"

// hasStamp says whether another line of the log was written into this one.
// Sample: WARNING: bad unlo[  102.123456] audit: type=1400
func hasStamp(title string) bool {
	for {
		_, rest, ok := strings.Cut(title, "[")
		stamp, _, closed := strings.Cut(rest, "]")
		if !ok || !closed {
			return false
		}
		if sec, frac, ok := strings.Cut(strings.TrimLeft(stamp, " "), "."); ok && isNumber(sec) && isNumber(frac) {
			return true
		}
		title = rest
	}
}

// isNumber takes what normalize makes of numbers for one.
func isNumber(s string) bool { return allDigits(s) || s == "NUM" || s == "ADDR" }

func hasTask(lines []entry) bool {
	return slices.ContainsFunc(lines, func(e entry) bool { return e.kind == cpuLine })
}

// nearby is how far below its introduction a stack must show a frame.
const nearby = 15

// isFrame says whether a line shows that a stack was printed.
func isFrame(e *entry) bool {
	return e.kind == frameLine && e.frame.Reliable || e.kind == fromLine || strings.Contains(e.text, "(stack is not available)")
}

// showsFrame says whether the stack that the first line introduces has a frame
// before the next stack begins.
func showsFrame(lines []entry) bool {
	for i, seen := 0, 0; i < len(lines) && seen < nearby; i++ {
		switch {
		case isFrame(&lines[i]):
			return true
		case i > 0 && startsStack(&lines[i]):
			return false
		case lines[i].kind != otherLine:
			seen++
		}
	}
	return false
}

// endsInStack says whether the report breaks off where a stack begins.
func endsInStack(lines []entry) bool {
	return slices.ContainsFunc(lines[max(0, len(lines)-2):], func(e entry) bool { return startsStack(&e) })
}

// damage says what is missing in a report, or nothing.
func damage(lines []entry, bare bool) string {
	stacked := false
	for i := range lines {
		if !startsStack(&lines[i]) {
			continue
		}
		if !showsFrame(lines[i:]) {
			return noFrames
		}
		stacked = true
	}
	for i := 0; i < len(lines) && !stacked; i++ {
		stacked = lines[i].kind == frameLine || lines[i].kind == fromLine
	}
	if !stacked && !bare {
		return "no stack"
	}
	return ""
}
