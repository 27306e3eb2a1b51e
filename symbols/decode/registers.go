package decode

import (
	"encoding/json"
	"fmt"

	"ktrap/symbols/oops"
)

// Registers are those at the fault, an object of JSON in the order they were printed.
type Registers []oops.Register

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
		out = fmt.Appendf(out, `"0x%016x"`, r.Value)
	}
	return append(out, '}'), nil
}

// registersOf gives the first registers of kernel mode.
func registersOf(list []oops.Block) Registers {
	for i := range list {
		if b := &list[i]; !b.User && len(b.Regs) > 0 {
			return dedup(b.Regs)
		}
	}
	return Registers{}
}

// dedup keeps the first value of each register: an object has each name once.
func dedup(list []oops.Register) Registers {
	out := Registers{}
	seen := map[string]bool{}
	for _, r := range list {
		if !seen[r.Name] {
			out = append(out, r)
		}
		seen[r.Name] = true
	}
	return out
}
