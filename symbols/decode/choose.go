package decode

import (
	"fmt"

	"ktrap/symbols"
)

// Finder says where the kernels of a log come from.
type Finder struct {
	Vmlinux string // "": looked for by what the log says
	Force   bool   // use it although it is not that of the log
	Options symbols.OfflineOptions
	Say     func(string) // tells people which file is used, and which is refused
}

// chooser follows the log and gives the kernel that printed its lines.
type chooser struct {
	f       *Finder
	kernel  *Kernel // nil: none found yet
	verdict verdict
	id      identity // last seen
	sizes   sizes
	why     string // of a refusal
	boots   []boot // that have ended

	open     map[string]*Kernel // by path
	searched map[string]bool    // identities that were looked for
	fitted   bool               // some vmlinux was not refused
}

// newChooser opens the vmlinux that was asked for.
func newChooser(f *Finder) (*chooser, error) {
	c := &chooser{f: f, open: map[string]*Kernel{}, searched: map[string]bool{}}
	if f.Vmlinux == "" && len(f.Options.ModuleDirs) == 0 {
		return c, nil
	}
	k, err := c.get(f.Vmlinux)
	if err != nil {
		return nil, err
	}
	c.kernel = k
	return c, nil
}

func (c *chooser) close() {
	for _, k := range c.open {
		k.Close()
	}
}

func (c *chooser) get(path string) (*Kernel, error) {
	if k, ok := c.open[path]; ok {
		return k, nil
	}
	k, err := OpenKernel(path, &c.f.Options)
	if err != nil {
		return nil, err
	}
	c.open[path] = k
	return k, nil
}

// see takes what a line says about its kernel.
func (c *chooser) see(id identity) {
	if id.banner != "" {
		if c.kernel != nil {
			c.kernel.newBoot()
		}
	}
	if id == c.id {
		return
	}
	same := id.release == c.id.release
	c.id = id
	if !same {
		c.verdict, c.sizes = unknown, sizes{}
	}
	if c.f.Vmlinux == "" {
		c.search(&id, same)
	}
	if c.kernel == nil || c.kernel.image == nil {
		return
	}
	if v := id.compare(c.kernel.image); v != unknown {
		c.decide(v, "the log is of "+id.String())
	}
}

// search looks for the vmlinux of an identity, once.
func (c *chooser) search(id *identity, same bool) {
	key := id.release + " " + id.buildID
	if c.searched[key] && same || same && c.verdict == proven {
		return
	}
	first := !c.searched[key]
	c.searched[key] = true
	path, err := symbols.FindVmlinux(id.release, id.buildID, nil)
	if err != nil && id.buildID != "" && c.f.Options.Fetch != nil {
		path, err = c.f.Options.Fetch(id.buildID)
	}
	var k *Kernel
	if err == nil {
		k, err = c.get(path)
	}
	switch {
	case err == nil:
		c.kernel, c.verdict, c.sizes = k, unknown, sizes{}
		if first {
			c.f.Say("using " + path)
		}
	case !same:
		c.kernel = c.open[""]
		fallthrough
	default:
		if first {
			c.f.Say("no symbols: " + err.Error())
		}
	}
}

// decide keeps a verdict and tells of a refusal.
func (c *chooser) decide(v verdict, evidence string) {
	if v == c.verdict {
		return
	}
	c.verdict = v
	c.fitted = c.fitted || v == proven
	if v != refuted {
		return
	}
	im := c.kernel.image
	c.why = fmt.Sprintf("%s is another kernel: %s; it is %s", im.Path(), evidence, imageIdentity(im))
	if c.f.Force {
		c.f.Say(c.why + "; used all the same, as --force says")
	} else {
		c.f.Say("refused: " + c.why + " (--force uses it all the same)")
	}
}

// count lets a place in the kernel proper speak for or against the vmlinux.
func (c *chooser) count(p *place) {
	if c.verdict != unknown || c.kernel == nil || c.kernel.image == nil {
		return
	}
	c.sizes.add(c.kernel, p)
	if v := c.sizes.verdict(); v != unknown {
		c.decide(v, fmt.Sprintf("of %d functions in the log %d have another size", c.sizes.agree+c.sizes.fail, c.sizes.fail))
	}
}

// answer says where a place is; nil when there is no kernel that may be used.
// As long as nothing proves that the vmlinux is the right one, only what fits it
// exactly is answered.
func (c *chooser) answer(p *place) *answer {
	c.count(p)
	if p.name == "" && (c.kernel == nil || !c.kernel.slid) {
		return nil
	}
	if c.kernel == nil || c.verdict == refuted && !c.f.Force {
		return nil
	}
	if c.verdict == proven || c.f.Force {
		return c.kernel.answer(p)
	}
	if p.name == "" {
		return nil
	}
	if a := c.kernel.answer(p); len(a.spots) > 0 && (a.note == "" || len(a.spots) > 1) {
		return a
	}
	return nil
}

// unproven is the mark of output that --force made; empty if all is well.
func (c *chooser) unproven() string {
	if c.f.Force && c.verdict == refuted {
		return "NOT PROVEN, forced: " + c.why
	}
	return ""
}

// refused says that the vmlinux asked for is of no kernel in the log.
func (c *chooser) refused() bool {
	return c.f.Vmlinux != "" && c.why != "" && !c.fitted && !c.f.Force
}
