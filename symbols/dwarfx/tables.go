package dwarfx

import "sync"

// tables keeps abbreviation tables that units share: linkers that merge them, and
// files made for it, have thousands of units with one. A table is kept when it is
// wanted for the second time, as in most files each unit has its own.
type tables struct {
	// Units are opened by many goroutines; tables are parsed outside of the lock.
	mu     sync.Mutex
	wanted map[tableKey]bool
	kept   map[tableKey]keptTable
	parsed int // bytes
}

// keptTable is a table, or what is wrong with it.
type keptTable struct {
	table *AbbrevTable
	err   error
}

// tableKey is what a table depends on.
type tableKey struct {
	off, code uint64 // code of the only abbreviation that is in it; 0: all are
	Encoding
}

// maxPasses is how often .debug_abbrev may be read through. Tables lie one after
// the other, each is parsed twice at most and looked through twice for its root.
const maxPasses = 8

// whole gives the table of a unit, parsed into t unless it is kept.
func (c *tables) whole(section []byte, h Header, t *AbbrevTable) (*AbbrevTable, error) {
	return c.get(section, tableKey{h.AbbrevOff, 0, h.Encoding}, func(again bool) (*AbbrevTable, int, error) {
		if again {
			t = new(AbbrevTable)
		}
		n, err := t.parse(section, h.AbbrevOff, h.Encoding)
		return t, n, err
	})
}

// root gives a table with one abbreviation.
func (c *tables) root(section []byte, h Header, code uint64) (*AbbrevTable, error) {
	return c.get(section, tableKey{h.AbbrevOff, code, h.Encoding}, func(bool) (*AbbrevTable, int, error) {
		return parseOne(section, h.AbbrevOff, code, h.Encoding)
	})
}

// get gives a table that was kept, else parses it; parse is told whether it will
// be kept and gives the length of what it read.
func (c *tables) get(section []byte, k tableKey, parse func(again bool) (*AbbrevTable, int, error)) (*AbbrevTable, error) {
	c.mu.Lock()
	kept, done := c.kept[k]
	again := c.wanted[k]
	if !done && !again {
		c.want(k)
	}
	full := c.parsed > maxPasses*len(section)
	c.mu.Unlock()
	switch {
	case done:
		return kept.table, kept.err
	case full:
		b := NewBuf(".debug_abbrev", section, k.off)
		b.Fail("tables overlap")
		return nil, b.Err()
	}
	t, n, err := parse(again)
	if err != nil {
		t = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parsed += n
	if again {
		c.keep(k, keptTable{t, err})
	}
	return t, err
}

func (c *tables) want(k tableKey) {
	if c.wanted == nil {
		c.wanted = map[tableKey]bool{}
	}
	c.wanted[k] = true
}

func (c *tables) keep(k tableKey, t keptTable) {
	if c.kept == nil {
		c.kept = map[tableKey]keptTable{}
	}
	c.kept[k] = t
}
