package decode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"ktrap/symbols/oops"
)

// Register is the value of one register.
type Register struct {
	Name  string // as target.xml has it: rax, eflags, cr2
	Value string // hex with 0x; empty if unknown
}

// Registers are those at a fault, in the order of the text or of the stub. In JSON
// they are an object in that order; an unknown register is null.
type Registers []Register

// Add appends a register of up to 64 bits.
func (rs *Registers) Add(name string, v uint64) {
	*rs = append(*rs, Register{name, fmt.Sprintf("0x%016x", v)})
}

// AddUnknown appends a register whose value is lost.
func (rs *Registers) AddUnknown(name string) { *rs = append(*rs, Register{Name: name}) }

// Get gives a register of up to 64 bits that is known.
func (rs Registers) Get(name string) (uint64, bool) {
	for _, r := range rs {
		if r.Name == name {
			v, err := strconv.ParseUint(r.Value, 0, 64)
			return v, err == nil
		}
	}
	return 0, false
}

// MarshalJSON writes an object whose members keep their order.
func (rs Registers) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, r := range rs {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(r.Name)
		if err != nil {
			return nil, fmt.Errorf("write register name %q: %w", r.Name, err)
		}
		out = append(append(out, name...), ':')
		if r.Value == "" {
			out = append(out, "null"...)
			continue
		}
		value, err := json.Marshal(r.Value)
		if err != nil {
			return nil, fmt.Errorf("write register %q: %w", r.Name, err)
		}
		out = append(out, value...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads the object, order kept.
func (rs *Registers) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	open, err := d.Token()
	if err != nil {
		return fmt.Errorf("read registers: %w", err)
	}
	*rs = nil
	if open == nil {
		return nil
	}
	if open != json.Delim('{') {
		return fmt.Errorf("read registers: want an object, have %v", open)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fmt.Errorf("read register name: %w", err)
		}
		var value string
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("read register %q: %w", name, err)
		}
		*rs = append(*rs, Register{name.(string), value})
	}
	return nil
}

// registersOf gives the first registers of kernel mode.
func registersOf(list []oops.Block) Registers {
	for i := range list {
		if b := &list[i]; !b.User && len(b.Regs) > 0 {
			return registersIn(b)
		}
	}
	return Registers{}
}

// registersIn keeps the first value of each register: an object has each name once.
func registersIn(b *oops.Block) Registers {
	out := Registers{}
	seen := map[string]bool{}
	for _, r := range b.Regs {
		if !seen[r.Name] {
			out.Add(r.Name, r.Value)
		}
		seen[r.Name] = true
	}
	return out
}
