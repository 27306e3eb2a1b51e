package symbols

import (
	"fmt"

	"ktrap/symbols/addr"
)

// Answer is what is known about one query.
type Answer struct {
	Text   string // as asked
	Spots  []Spot // more than one: ambiguous, or a line with code in several places
	Note   string // what to know about the answer
	Reason string // why there is none; "" when there is one
}

// Spot is one place that a query means.
type Spot struct {
	Addr   addr.Addr
	Placed bool // Addr is where it runs; else the module's file has no address yet
	Func   Func // Name is "" when no symbol covers it
	Frames []Location
	Reason Reason // why Frames is not complete
}

// maxSpots bounds the places of one answer.
const maxSpots = 256

// Ask answers a location written as [ParseQuery] reads it.
func (f *Offline) Ask(text string) Answer {
	q, err := ParseQuery(text)
	if err != nil {
		return Answer{Text: text, Reason: err.Error()}
	}
	ans := Answer{Text: text}
	if q.Module != "" {
		if err := f.Module(q.Module, q.BuildID); err != nil {
			ans.Note = err.Error()
		}
		if im := f.moduleImage(moduleName(q.Module)); im != nil && q.BuildID != "" && im.BuildID() != q.BuildID {
			ans.Reason = fmt.Sprintf("%s has build-id %s, not %s", im.Path(), im.BuildID(), q.BuildID)
			return ans
		}
	}
	switch {
	case q.File != "":
		f.askLine(q, &ans)
	case q.Section:
		f.askSection(q, &ans)
	case q.Name != "":
		f.askName(q, &ans)
	default:
		ans.Spots = []Spot{f.spot(q.Addr)}
		if s := ans.Spots[0]; s.Func.Name == "" && len(s.Frames) == 0 {
			if ans.Spots, ans.Reason = nil, s.Reason.String(); s.Reason == NotText {
				ans.Reason = f.whyNotCode(q.Addr)
			}
		}
	}
	if why := f.lacking(ans.Spots); why != "" {
		ans.Note = join(ans.Note, why)
	}
	return ans
}

// lacking says which file would make an answer complete; "" for none.
func (f *Offline) lacking(spots []Spot) string {
	for _, s := range spots {
		im, _, ok := f.sym.Home(s.Addr)
		if !ok || im == nil || s.Reason == Complete {
			continue
		}
		if _, err := im.file.Supplement(); err != nil {
			return err.Error()
		}
	}
	return ""
}

func (f *Offline) askName(q Query, ans *Answer) {
	m := f.sym.Match(q)
	if len(m.Funcs) == 0 {
		ans.Reason = m.Note
		switch {
		case ans.Reason != "":
		case q.Module != "" && ans.Note != "":
			ans.Reason, ans.Note = ans.Note, ""
		default:
			ans.Reason = whyNoName(q)
		}
		return
	}
	if m.Note != "" {
		ans.Note = m.Note
	}
	for _, fn := range m.Funcs[:min(len(m.Funcs), maxSpots)] {
		s := f.spot(fn.Where())
		if s.Func = fn; s.Reason == NotText {
			s.Reason = Data
		}
		if where := f.perCPU(fn); where != "" && len(m.Funcs) == 1 {
			ans.Note = join(ans.Note, where)
		}
		if n := len(s.Frames); n > 0 {
			s.Frames[n-1].Func, s.Frames[n-1].Off, s.Frames[n-1].Size = fn.Name, fn.Off, fn.Size
		}
		ans.Spots = append(ans.Spots, s)
	}
	if n := len(m.Funcs); n > 1 {
		ans.Note = join(ans.Note, fmt.Sprintf("ambiguous: %d symbols fit", n))
	}
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// askSection answers .text+0x40 of a module's file.
func (f *Offline) askSection(q Query, ans *Answer) {
	for _, m := range f.mods {
		base, ok := m.Sections[q.Name]
		if m.Image == nil || !ok || q.Module != "" && m.Name != moduleName(q.Module) {
			continue
		}
		if _, size, ok := m.Image.file.SectionAddr(q.Name); ok && q.Off < size {
			ans.Spots = append(ans.Spots, f.spot(base+addr.Addr(q.Off)))
		}
	}
	if len(ans.Spots) == 0 {
		ans.Reason = "no such place in a section of a module; say which: .text+0x40 [module]"
	}
}

func (f *Offline) askLine(q Query, ans *Answer) {
	places := f.sym.Lines(q.File, q.Line)
	for _, a := range places[:min(len(places), maxSpots)] {
		ans.Spots = append(ans.Spots, f.spot(a))
	}
	if len(places) == 0 {
		ans.Reason = f.whyNoLine(q)
		return
	}
	if frames := ans.Spots[0].Frames; len(frames) > 0 && frames[0].Line != q.Line {
		ans.Note = fmt.Sprintf("no code on line %d; line %d is the next that has some", q.Line, frames[0].Line)
	}
}

// spot says what is at an address, opening the module that is there.
func (f *Offline) spot(a addr.Addr) Spot {
	if p := f.sym.moduleOf(a); p != nil && p.mod.Image == nil && !p.kernel() {
		if err := f.Module(p.mod.Name, ""); err != nil {
			f.log.Debug("module has no file", "module", p.mod.Name, "err", err)
		}
	}
	s := Spot{Addr: a, Placed: a.Kernel()}
	s.Frames, s.Reason = f.sym.Locate(a)
	if fn, ok := f.sym.Func(a); ok {
		if s.Func = fn; s.Reason == NotText {
			s.Reason = Data
		}
	}
	return s
}
