package decode

import (
	"fmt"
	"slices"

	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// Kernel answers places in the code of one kernel and its modules. It is not
// safe for concurrent use.
type Kernel struct {
	image   *symbols.Image // nil: modules alone
	offline *symbols.Offline
	slide   addr.Slide // of the boot the log is in, once it is known
	slid    bool

	ids     map[string]string // build-ids of modules as the log has them
	refused map[string]string // modules whose file is not the one that ran, and why
	answers map[question]*answer
}

// question is what an answer depends on.
type question struct {
	name, module string
	off, size    uint64
	addr         addr.Addr // of bare addresses
	exact        bool
}

// answer is where a place lies in the source.
type answer struct {
	spots []spot // more than one: nothing in the text says which
	note  string // what to know about it; with no spots why there is none
}

// spot is one place that may be meant.
type spot struct {
	fn     symbols.Func
	levels []symbols.Location // innermost first, the symbol last
	reason symbols.Reason
}

// maxAnswers bounds what is remembered; a log repeats itself much more than that.
const maxAnswers = 8192

// OpenKernel opens a vmlinux; path may be empty, then modules alone are answered.
func OpenKernel(path string, o *symbols.OfflineOptions) (*Kernel, error) {
	var image *symbols.Image
	if path != "" {
		var err error
		if image, err = symbols.Open(path, &symbols.OpenOptions{Log: o.Log, Fetch: o.Fetch}); err != nil {
			return nil, err
		}
	}
	return NewKernel(image, o)
}

// NewKernel makes a kernel of an open vmlinux, which it then owns.
func NewKernel(image *symbols.Image, o *symbols.OfflineOptions) (*Kernel, error) {
	offline, err := symbols.NewOffline(image, o)
	if err != nil {
		return nil, err
	}
	k := &Kernel{image: image, offline: offline, ids: map[string]string{}, refused: map[string]string{}}
	k.forget()
	return k, nil
}

// Close closes all files.
func (k *Kernel) Close() { k.offline.Close() }

// Image gives the vmlinux, nil if there is none.
func (k *Kernel) Image() *symbols.Image { return k.image }

func (k *Kernel) forget() { k.answers = map[question]*answer{} }

// setSlide tells what KASLR added in this boot.
func (k *Kernel) setSlide(s addr.Slide) {
	if k.slid && k.slide == s {
		return
	}
	k.slide, k.slid = s, true
	k.forget()
}

// newBoot forgets what held for one boot only.
func (k *Kernel) newBoot() { k.slid = false }

// answer says where a place is.
func (k *Kernel) answer(p *place) *answer {
	q := question{p.name, p.module, p.off, p.size, 0, p.exact}
	if p.name == "" {
		q.addr = p.addr
	}
	if p.buildID != "" {
		k.learn(p.module, p.buildID)
	}
	if a, ok := k.answers[q]; ok {
		return a
	}
	if len(k.answers) >= maxAnswers {
		k.forget()
	}
	a := k.find(&q)
	k.answers[q] = a
	return a
}

// learn keeps the build-id of a module. Some lines of a log have it, others of
// the same module have not.
func (k *Kernel) learn(module, id string) {
	if k.ids[module] != id {
		k.ids[module] = id
		delete(k.refused, module)
		k.forget()
	}
}

func (k *Kernel) find(q *question) *answer {
	if q.name == "" {
		return k.findAddr(q)
	}
	if q.module != "" {
		if why := k.module(q.module); why != "" {
			return &answer{note: why}
		}
	}
	return k.findName(q)
}

// module gets the file of a module ready; why says that it cannot be used.
func (k *Kernel) module(name string) (why string) {
	if why, ok := k.refused[name]; ok {
		return why
	}
	id := k.ids[name]
	if err := k.offline.Module(name, id); err != nil {
		why = err.Error()
	} else if im := k.moduleImage(name); im != nil && id != "" && im.BuildID() != id {
		why = fmt.Sprintf("%s has build-id %s, the module in the log %s", im.Path(), im.BuildID(), id)
	}
	if why != "" {
		k.refused[name] = why
	}
	return why
}

func (k *Kernel) moduleImage(name string) *symbols.Image {
	mods := k.offline.Symbolizer().Modules()
	i := slices.IndexFunc(mods, func(m *symbols.Module) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return mods[i].Image
}

// findName answers func+0x1/0x2. The byte before a return address belongs to the
// call; the address itself may be the next line or the next function.
func (k *Kernel) findName(q *question) *answer {
	back := uint64(0)
	if !q.exact && q.off > 0 {
		back = 1
	}
	m := k.offline.Symbolizer().Match(symbols.Query{Name: q.name, Off: q.off - back, Size: q.size, Module: q.module})
	a := &answer{note: m.Note}
	for _, fn := range m.Funcs {
		if q.module == "" && fn.Module != "" {
			continue // the kernel names the module of a function that is in one
		}
		s := k.spot(fn.Where(), fn, back)
		if back > 0 && s.reason == symbols.Prefix && q.off == q.size {
			s = k.spot(fn.Where()+1, fn, back) // no call ends here: a pointer to the function
		}
		a.add(s)
	}
	switch {
	case len(a.spots) > 1:
		a.note = fmt.Sprintf("%d symbols of that name and size", len(a.spots))
	case len(a.spots) == 0 && a.note == "":
		a.note = "no symbol of that name"
	}
	return a
}

// spot asks what is at an address, which is named as the log named it.
func (k *Kernel) spot(at addr.Addr, fn symbols.Func, back uint64) spot {
	s := spot{fn: fn}
	s.levels, s.reason = k.offline.Symbolizer().Locate(at)
	if n := len(s.levels); n > 0 {
		outer := &s.levels[n-1]
		outer.Func, outer.Off, outer.Size = fn.Name, fn.Off+back, fn.Size
	}
	return s
}

// add keeps a spot unless it is at the same lines as one before: of two names for
// the same code nothing needs to be chosen.
func (ans *answer) add(s spot) {
	same := func(t spot) bool {
		return len(t.levels) > 0 && at(&t.levels[0]) != "" && slices.EqualFunc(t.levels, s.levels, func(x, y symbols.Location) bool {
			return x.File == y.File && x.Line == y.Line && x.Func == y.Func
		})
	}
	if slices.ContainsFunc(ans.spots, same) {
		return
	}
	ans.spots = append(ans.spots, s)
}

// findAddr answers a bare address, for which the slide must be known.
func (k *Kernel) findAddr(q *question) *answer {
	if k.image == nil {
		return &answer{note: "no vmlinux"}
	}
	at := addr.Addr(k.slide.Link(q.addr))
	if !q.exact {
		at--
	}
	sym := k.offline.Symbolizer()
	levels, reason := sym.Locate(at)
	if len(levels) == 0 {
		return &answer{note: reason.String()}
	}
	fn, _ := sym.Func(at)
	if !q.exact {
		fn.Off++
		levels[len(levels)-1].Off++
	}
	return &answer{spots: []spot{{fn, levels, reason}}}
}

// slideBy works out the slide from an address and the name printed with it; false
// when the name does not decide where that is.
func (k *Kernel) slideBy(p *place) (addr.Slide, bool) {
	if p.addr == 0 || p.name == "" || p.module != "" || k.image == nil {
		return 0, false
	}
	q := symbols.Query{Name: p.name, Off: p.off, Size: p.size}
	if p.off > 0 {
		q.Off--
	}
	m := k.offline.Symbolizer().Match(q)
	if len(m.Funcs) != 1 || m.Note != "" || m.Funcs[0].Module != "" {
		return 0, false
	}
	s := addr.Slide(p.addr - m.Funcs[0].Start - addr.Addr(p.off))
	return s, s >= 0 && s%slideStep == 0
}

// slideStep divides every slide: kernels move by whole pages.
const slideStep = 0x1000
