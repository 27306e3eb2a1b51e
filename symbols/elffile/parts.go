package elffile

import (
	"fmt"
	"slices"
	"sync"
)

// partSize is how much of a section is relocated at once. Smaller parts would
// make more work of a unit, larger ones of the headers of all units.
const partSize = 4096

// parts is a section that is relocated part by part as they are needed.
type parts struct {
	data []byte // filled part by part
	from []byte // what it is filled from; nil: data have their contents already
	relocations
	what string // for errors

	// Any goroutine may be the first that needs a part, and what one reads another
	// must not write: each part is written once.
	mu     sync.Mutex
	done   []bool
	order  order
	failed error // of relocations out of order, which take long to try again
}

// order says what is known of the order of relocations. Looking at all of a big
// module takes 2 ms, which only pays where few of them are applied.
type order uint8

const (
	unknownOrder order = iota
	inOrder
	outOfOrder
)

// newParts makes the parts of a section; its contents may be changed if they are
// inflated, a copy of what is in the file.
func newParts(r *relocations, contents []byte, inflated bool) *parts {
	p := &parts{data: contents, relocations: *r, done: make([]bool, (len(contents)+partSize-1)/partSize)}
	if !inflated {
		p.from, p.data = contents, make([]byte, len(contents))
	}
	return p
}

// need makes the bytes from low up to high ready to be read.
// Errors: the file is damaged, or uses relocations that are not supported.
func (p *parts) need(low, high uint64) error {
	high = min(high, uint64(len(p.data)))
	if low >= high {
		return nil
	}
	return p.guarded(func() error {
		if p.order == unknownOrder {
			p.order = outOfOrder
			if p.sorted() {
				p.order = inOrder
			}
		}
		if p.order == outOfOrder {
			if p.failed == nil {
				p.failed = p.fillAll()
			}
			return p.failed
		}
		return p.fill(int(low/partSize), int((high-1)/partSize))
	})
}

// needAll makes the whole section ready to be read.
func (p *parts) needAll() error { return p.guarded(p.fillAll) }

// guarded runs f, which may write parts.
func (p *parts) guarded(f func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := Guard(f); err != nil {
		return fmt.Errorf("%s: %w", p.what, err)
	}
	return nil
}

// fillAll fills what is not filled yet: all at once where nothing is, which needs
// no order.
func (p *parts) fillAll() error {
	if slices.Contains(p.done, true) {
		return p.fill(0, len(p.done)-1)
	}
	copy(p.data, p.from)
	if _, err := p.apply(p.data, 0, uint64(len(p.data)), 0); err != nil {
		return err
	}
	for n := range p.done {
		p.done[n] = true
	}
	return nil
}

// fill fills and relocates the parts from one to another, both included, by
// relocations that are in order.
func (p *parts) fill(first, last int) error {
	at := -1 // in relas; not known
	for n := first; n <= last; n++ {
		if p.done[n] {
			at = -1
			continue
		}
		low := n * partSize
		high := min(low+partSize, len(p.data))
		part := p.data[low:high]
		if p.from != nil {
			copy(part, p.from[low:high])
		}
		if at < 0 {
			at = p.relocations.from(uint64(low))
		}
		next, err := p.apply(part, uint64(low), uint64(high), at)
		if err != nil {
			return err
		}
		p.done[n] = true
		// The last ones may reach into the next part.
		for at = next; at > 0 && le.Uint64(p.relas[at-relaSize:])+maxWidth > uint64(high); at -= relaSize {
		}
	}
	return nil
}
