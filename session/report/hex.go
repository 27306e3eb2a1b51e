package report

import (
	"fmt"
	"strconv"
	"strings"
)

// Hex is an address in JSON: a string, because numbers of JSON lose the low bits
// of kernel addresses in most programs.
type Hex uint64

// String prints 0x and at least one digit.
func (h Hex) String() string { return fmt.Sprintf("%#x", uint64(h)) }

// MarshalText gives the form of String.
func (h Hex) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads hexadecimal digits after 0x.
func (h *Hex) UnmarshalText(b []byte) error {
	digits, ok := strings.CutPrefix(string(b), "0x")
	v, err := strconv.ParseUint(digits, 16, 64)
	if !ok || err != nil {
		return fmt.Errorf("read address %q: want 0x and up to 16 hexadecimal digits", b)
	}
	*h = Hex(v)
	return nil
}
