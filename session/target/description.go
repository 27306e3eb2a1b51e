package target

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Register is one register of a target description.
type Register struct {
	Name   string
	Num    int    // the stub's number
	Bits   int    // width
	Offset int    // in bytes, in a reply to 'g'
	Group  string // as the description says, may be empty
}

// size is the register's width in bytes.
func (r Register) size() int { return (r.Bits + 7) / 8 }

// Description is the register set of a stub.
// Registers are ordered by number, which is their order in a reply to 'g'.
type Description struct {
	Arch      string
	Registers []Register
	index     map[string]int
}

// Limits on a description, far above what QEMU sends (66 registers, 2 files).
const (
	maxRegisters    = 4096
	maxIncludeDepth = 8
	maxIncludes     = 64
	maxRegisterBits = 1 << 16
)

// ParseDescription reads target.xml and what it includes.
// Shape: fetch gives a file by its name, as qXfer:features:read does.
// Source: GDB manual, "Target Description Format".
func ParseDescription(fetch func(annex string) ([]byte, error)) (*Description, error) {
	p := descParser{fetch: fetch, desc: &Description{index: map[string]int{}}}
	if err := p.file("target.xml", 0); err != nil {
		return nil, err
	}
	if len(p.desc.Registers) == 0 {
		return nil, errors.New("parse target.xml: no registers")
	}
	if err := p.desc.lay(); err != nil {
		return nil, err
	}
	return p.desc, nil
}

// lay orders the registers and computes their offsets.
func (d *Description) lay() error {
	slices.SortStableFunc(d.Registers, func(a, b Register) int { return cmp.Compare(a.Num, b.Num) })
	off := 0
	for i := range d.Registers {
		r := &d.Registers[i]
		if i > 0 && d.Registers[i-1].Num == r.Num {
			return fmt.Errorf("parse target.xml: registers %q and %q share number %d", d.Registers[i-1].Name, r.Name, r.Num)
		}
		r.Offset = off
		off += r.size()
		if _, ok := d.index[r.Name]; !ok {
			d.index[r.Name] = i
		}
	}
	return nil
}

// Lookup finds a register by name.
func (d *Description) Lookup(name string) (Register, bool) {
	i, ok := d.index[name]
	if !ok {
		return Register{}, false
	}
	return d.Registers[i], true
}

// descParser is the state of reading one description.
type descParser struct {
	fetch    func(annex string) ([]byte, error)
	desc     *Description
	includes int
	next     int // number of a register that does not say its own
}

func (p *descParser) file(annex string, depth int) error {
	if p.includes++; depth > maxIncludeDepth || p.includes > maxIncludes {
		return fmt.Errorf("parse %q: target description includes too many files", annex)
	}
	data, err := p.fetch(annex)
	if err != nil {
		return fmt.Errorf("read %q: %w", annex, err)
	}
	dec := xml.NewDecoder(bytes.NewReader(data))
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("parse %q: %w", annex, err)
		}
		if err := p.token(dec, tok, depth); err != nil {
			return fmt.Errorf("parse %q: %w", annex, err)
		}
	}
}

func (p *descParser) token(dec *xml.Decoder, tok xml.Token, depth int) error {
	el, ok := tok.(xml.StartElement)
	if !ok {
		return nil
	}
	switch el.Name.Local {
	case "include":
		return p.file(attr(el, "href"), depth+1)
	case "reg":
		return p.reg(el)
	case "architecture":
		var arch string
		if err := dec.DecodeElement(&arch, &el); err != nil {
			return err
		}
		p.desc.Arch = strings.TrimSpace(arch)
	}
	return nil
}

func (p *descParser) reg(el xml.StartElement) error {
	r := Register{Name: attr(el, "name"), Num: p.next, Group: attr(el, "group")}
	if r.Name == "" {
		return errors.New("register without a name")
	}
	bits, err := strconv.Atoi(attr(el, "bitsize"))
	if err != nil || bits <= 0 || bits > maxRegisterBits {
		return fmt.Errorf("register %q: bad width %q", r.Name, attr(el, "bitsize"))
	}
	r.Bits = bits
	if s := attr(el, "regnum"); s != "" {
		if r.Num, err = strconv.Atoi(s); err != nil || r.Num < 0 || r.Num > 1<<20 {
			return fmt.Errorf("register %q: bad number %q", r.Name, s)
		}
	}
	if len(p.desc.Registers) >= maxRegisters {
		return errors.New("too many registers")
	}
	p.next = r.Num + 1
	p.desc.Registers = append(p.desc.Registers, r)
	return nil
}

func attr(el xml.StartElement, name string) string {
	for _, a := range el.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
