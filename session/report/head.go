package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// head prints what a reader wants to know first.
func (p *printer) head(r *Report) {
	p.line(title.of(r.Title))
	for _, t := range r.AltTitles {
		p.field("also", t)
	}
	p.line()
	p.where(r.Frames[r.Blamed():])
	p.field("cause", r.Cause)
	p.field("class", r.kind())
	p.field("task", r.task())
	p.field("kernel", r.Kernel.where())
}

// details prints the rest of what identifies the crash.
func (p *printer) details(r *Report) {
	p.field("version", r.Kernel.Version)
	p.field("build-id", r.Kernel.BuildID)
	p.field("tainted", r.Kernel.Tainted)
	if !r.Time.IsZero() {
		p.field("time", r.Time.UTC().Format(time.DateTime)+" UTC")
	}
}

// labelWidth is that of the longest label and a gap.
const labelWidth = len("build-id") + 2

func (p *printer) field(name, value string) {
	if value != "" {
		p.wrapped(label.of("  "+name).padded(2+labelWidth), plain, value)
	}
}

// where prints the levels of the first frame: the function that was running and
// those it was inlined into.
func (p *printer) where(frames []Frame) {
	name := label.of("  where").padded(2 + labelWidth)
	for _, f := range frames {
		p.line(name, code.of(f.label()), plain.of(gap), place.of(f.place()))
		if !f.Inlined {
			return
		}
		name = label.of("").padded(2 + labelWidth)
	}
}

// kind says the class and what else is known about the crash as a whole.
func (r *Report) kind() string {
	words := []string{string(r.Class), r.Type}
	if r.Panicked {
		words = append(words, "the kernel panicked")
	}
	switch {
	case r.Corrupted && r.CorruptedReason != "":
		words = append(words, "the text is corrupted: "+r.CorruptedReason)
	case r.Corrupted:
		words = append(words, "the text is corrupted")
	}
	return join(words...)
}

func (r *Report) task() string {
	return join(taskName(r.Comm, r.PID), cpuName(r.CPU))
}

func taskName(comm string, pid int) string {
	if pid < 0 {
		return comm
	}
	return join(comm, fmt.Sprintf("pid %d", pid))
}

func cpuName(cpu int) string {
	if cpu < 0 {
		return ""
	}
	return fmt.Sprintf("CPU %d", cpu)
}

func (k *Kernel) where() string {
	if k.Slide == "" {
		return k.Release
	}
	return join(k.Release, "KASLR slide "+k.Slide)
}

// join puts commas between what is not empty.
func join(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), ", ")
}
