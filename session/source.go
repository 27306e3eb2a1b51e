package session

import (
	"cmp"
	"slices"

	"ktrap/session/report"
	"ktrap/session/unwind"
	"ktrap/symbols"
)

// sources is where source text of the running kernel is looked for.
func (v *Stopped) sources() *symbols.Sources {
	o := &symbols.SourceOptions{Dirs: v.opts.Sources.Dirs, Release: v.World.Kernel.Release}
	for from, to := range v.opts.Sources.Substitute {
		o.Substitute = append(o.Substitute, symbols.Substitution{From: from, To: to})
	}
	slices.SortFunc(o.Substitute, func(a, b symbols.Substitution) int { return cmp.Compare(b.From, a.From) })
	return symbols.NewSources(o)
}

// Excerpts of a report: how many levels, and how many lines on each side.
const (
	excerptLevels  = 3
	excerptContext = 4
)

// source excerpts the levels of a stack whose text is on this host, the first
// of them from the guilty function on if that is among them.
func (v *Stopped) source(frames []unwind.Frame, guilty string) []report.Source {
	var levels []symbols.Location
	for i := range frames {
		here, _ := v.World.Symbols.Locate(frames[i].LookupPC())
		levels = append(levels, here...)
	}
	first := slices.IndexFunc(levels, func(l symbols.Location) bool { return report.IsFunc(l.Func, guilty) })
	var out []report.Source
	for _, l := range levels[max(first, 0):] {
		if len(out) == excerptLevels {
			break
		}
		if ex, ok := v.excerpt(l); ok {
			out = append(out, ex)
		}
	}
	return out
}

func (v *Stopped) excerpt(l symbols.Location) (report.Source, bool) {
	lines, err := v.SourceAround(l, excerptContext)
	if err != nil || l.Line == 0 {
		return report.Source{}, false
	}
	ex := report.Source{File: l.File, Func: l.Func}
	for _, line := range lines {
		ex.Lines = append(ex.Lines, report.SourceLine{Line: line.Number, Text: line.Text, Marked: line.Number == l.Line})
	}
	return ex, true
}
