package decode

import "ktrap/symbols/addr"

// boot is what was known of the kernel when it ended. The report of its last crash
// may still be open then.
type boot struct {
	until   int // byte of the log where the next one began
	kernel  *Kernel
	verdict verdict
	why     string
	slide   addr.Slide
	slid    bool
}

// maxBoots bounds the boots that are remembered.
const maxBoots = 16

// reboot notes that another boot begins.
func (c *chooser) reboot(off int) {
	b := c.now()
	b.until = off
	if len(c.boots) == maxBoots {
		c.boots = c.boots[1:]
	}
	c.boots = append(c.boots, b)
}

func (c *chooser) now() boot {
	b := boot{kernel: c.kernel, verdict: c.verdict, why: c.why}
	if c.kernel != nil {
		b.slide, b.slid = c.kernel.slide, c.kernel.slid
	}
	return b
}

// during does something as of the boot that a byte of the log is in.
func (c *chooser) during(off int, do func()) {
	for _, b := range c.boots {
		if off < b.until {
			now := c.now()
			c.enter(&b)
			do()
			c.enter(&now)
			return
		}
	}
	do()
}

func (c *chooser) enter(b *boot) {
	c.kernel, c.verdict, c.why = b.kernel, b.verdict, b.why
	if k := c.kernel; k != nil {
		if k.slide != b.slide {
			k.forget()
		}
		k.slide, k.slid = b.slide, b.slid
	}
}
