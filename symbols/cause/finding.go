package cause

import (
	"fmt"
	"slices"
	"strings"

	"ktrap/symbols/oops"
)

// FromWords explains a crash of which there are words only, since no instruction has
// trapped: what KASAN, KMSAN and UBSAN report. It is false for others, and for a report that
// is cut. p, which may be nil, needs no more than Levels.
func FromWords(o *oops.Oops, p *Place) (Cause, bool) {
	switch {
	case strings.Contains(o.Head, kasanHead):
		return fromKASAN(o, p)
	case strings.Contains(o.Head, ubsanHead):
		return fromUBSAN(o)
	case strings.Contains(o.Head, kmsanHead):
		return fromKMSAN(o, p), true
	}
	return Cause{}, false
}

// hasWords reports whether FromWords is what explains a crash.
func hasWords(o *oops.Oops) bool {
	return strings.Contains(o.Head, kasanHead) || strings.Contains(o.Head, ubsanHead) || strings.Contains(o.Head, kmsanHead)
}

// kmsanHead opens a report of KMSAN.
// Sample: BUG: KMSAN: uninit-value in ppp_send_frame+0x28d/0x27c0
// Sample: Uninit was created at:
// Sample: Local variable v created at:
// Source: linux mm/kmsan/report.c.
const kmsanHead = "BUG: KMSAN: "

// fromKMSAN words whose value was used.
func fromKMSAN(o *oops.Oops, p *Place) Cause {
	const local, created = "Local variable ", " created at:"
	for _, t := range o.Traces {
		name, ok := strings.CutPrefix(strings.TrimSpace(t.Title), local)
		if name, isLocal := strings.CutSuffix(name, created); ok && isLocal && len(t.Frames) > 0 && said(name) != "" {
			return Cause{Text: fmt.Sprintf("use of the local variable %s of %s, which was never written", name, t.Frames[0].Func)}
		}
	}
	return Cause{Text: "use of memory that was never written" + doneBy(o, p, "allocated", "Uninit was created at")}
}

// ubsanHead opens a report of UBSAN; the finding is the next line.
// Sample: UBSAN: array-index-out-of-bounds in /build/crashme/crashme.c:618:12
// Sample: index 5 is out of range for type 'int [4]'
// Source: linux lib/ubsan.c.
const ubsanHead = "UBSAN: "

// fromUBSAN cites the finding.
func fromUBSAN(o *oops.Oops) (Cause, bool) {
	_, rest, _ := strings.Cut(string(o.Report), ubsanHead)
	head, rest, _ := strings.Cut(rest, "\n")
	finding, rest, _ := strings.Cut(rest, "\n")
	if strings.HasSuffix(strings.TrimSpace(finding), "overflow:") {
		operands, _, _ := strings.Cut(rest, "\n")
		finding = strings.TrimSpace(finding) + " " + strings.TrimSpace(operands)
	}
	_, at, ok := strings.Cut(strings.TrimSpace(head), " in ")
	finding = strings.TrimPrefix(said(strings.TrimSpace(finding)), ": ")
	if !ok || finding == "" || strings.HasPrefix(finding, "CPU: ") || said(at) == "" {
		return Cause{}, false
	}
	return Cause{Text: finding + ", at " + at}, true
}

// fromKASAN words a report of KASAN: what was done, where that lies in the object
// concerned, and who has freed or allocated it.
func fromKASAN(o *oops.Oops, p *Place) (Cause, bool) {
	f := parseKASAN(string(o.Report))
	freeing := strings.HasPrefix(f.kind, "double-free") || strings.HasPrefix(f.kind, "invalid-free")
	if f.access.Op == "" && !freeing {
		return Cause{}, false
	}
	text := string(Free) // of an address that kernels up to 6.0 do not print
	if f.access.Op != "" {
		e := explainer{Input: &Input{}}
		text = e.what(&f.access)
	}
	text += ": " + f.where()
	switch {
	case f.freed:
		text += doneBy(o, p, "freed", "Freed")
	case f.cache != "":
		text += doneBy(o, p, "allocated", "Allocated")
	}
	c := Cause{Text: text}
	if f.access.Op != Free && f.access.Known {
		c.Access = &f.access
	}
	return c, true
}

// where words what lies at the address.
func (f *finding) where() string {
	object := "object"
	if f.cache != "" {
		object = f.cache + " object"
	}
	switch {
	case strings.Contains(f.kind, "double-free") && f.distance == "0" && f.freed:
		return "the " + object + " is free already"
	case f.distance == "0" && f.side == "inside" && f.freed:
		return "the beginning of a freed " + object
	case f.distance != "" && f.side == "inside" && f.freed:
		return fmt.Sprintf("%s bytes inside a freed %s", f.distance, object)
	case f.distance != "" && f.side == "inside" && f.access.Op != Free:
		return fmt.Sprintf("%s bytes inside a %s, behind what was asked for", f.distance, object)
	case f.distance != "" && f.side == "inside":
		return fmt.Sprintf("%s bytes inside a %s", f.distance, object)
	case f.distance == "0" && f.side == "behind" && f.size != "":
		return fmt.Sprintf("just behind a %s of %s bytes", object, f.size)
	case f.distance != "" && f.size != "":
		return fmt.Sprintf("%s bytes %s a %s of %s bytes", f.distance, f.side, object, f.size)
	case f.variable != "":
		return "in or behind the variable " + f.variable
	case f.frame != "":
		return f.onStack()
	case f.access.Known && (f.kind == "null-ptr-deref" || f.kind == "user-memory-access" || f.kind == "wild-memory-access"):
		e := explainer{Input: &Input{}}
		if v := e.judge(&f.access); v.bad() {
			f.access.Verdict, f.access.Offset = v.kind, v.offset
			return v.text
		}
	}
	if f.vmalloc {
		return f.kind + ", in a mapping of vmalloc"
	}
	return f.kind
}

// onStack words which variable of a frame is nearest.
func (f *finding) onStack() string {
	best, nearest := "", int64(-1)
	for _, l := range f.locals {
		d, words := l.from-f.offset, "before"
		switch {
		case f.offset >= l.to:
			d, words = f.offset-l.to, "behind"
		case f.offset >= l.from:
			d, words = 0, "inside"
		}
		if nearest >= 0 && d >= nearest {
			continue
		}
		nearest = d
		switch {
		case words == "inside":
			best = fmt.Sprintf("%d bytes inside the local variable %s", f.offset-l.from, l.name)
		case d == 0:
			best = "just behind the local variable " + l.name
		default:
			best = fmt.Sprintf("%d bytes %s the local variable %s", d, words, l.name)
		}
	}
	if best == "" {
		return "in the stack frame of " + f.frame
	}
	return best + " of " + f.frame
}

// doneBy words who freed or allocated the object: the first function of that stack
// that is none of the allocator or of KASAN.
func doneBy(o *oops.Oops, p *Place, verb, title string) string {
	i := slices.IndexFunc(o.Traces, func(t oops.Trace) bool { return strings.HasPrefix(strings.TrimSpace(t.Title), title) })
	if i < 0 {
		return ""
	}
	for j := range o.Traces[i].Frames {
		levels := []oops.Frame{o.Traces[i].Frames[j]}
		if p != nil && p.Levels != nil && levels[0].File == "" {
			if at := p.Levels(&levels[0]); len(at) > 0 {
				levels = at
			}
		}
		for _, l := range levels {
			switch {
			case l.Func == "" || allocates(l.Func):
			case l.File != "":
				return fmt.Sprintf(", %s in %s at %s:%d", verb, l.Func, l.File, l.Line)
			default:
				return fmt.Sprintf(", %s in %s", verb, l.Func)
			}
		}
	}
	return ""
}

// allocates recognizes functions of the allocators, of KASAN and of RCU's way to free.
// Source: linux mm/slub.c, mm/slab_common.c, mm/util.c, mm/kasan, kernel/rcu/tree.c.
func allocates(name string) bool {
	switch name {
	case "kfree", "kvfree", "kfree_sensitive", "kzfree", "vfree", "kfree_bulk", "save_stack", "set_track":
		return true
	}
	for _, start := range []string{"kasan_", "__kasan_", "kmem_cache_", "__kmem_cache_", "kmalloc", "__kmalloc", "__do_kmalloc", "kzalloc", "kcalloc",
		"krealloc", "kvmalloc", "__kvmalloc", "kvzalloc", "kvcalloc", "slab_", "__slab", "___slab", "___cache_free", "__cache_free", "do_slab_free",
		"poison_", "unpoison_", "stack_trace_save", "save_stack_trace", "kmsan_", "__msan_", "alloc_pages", "__alloc_pages", "__get_free_pages",
		"allocate_slab", "new_slab", "__alloc_skb", "alloc_skb", "__netdev_alloc_skb", "folio_alloc", "__folio_alloc", "filemap_alloc_folio"} {
		if strings.HasPrefix(name, start) {
			return true
		}
	}
	return false
}
