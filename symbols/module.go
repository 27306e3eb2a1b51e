package symbols

import "ktrap/symbols/addr"

// Range is the run-time addresses from Start up to but not including End.
type Range struct{ Start, End addr.Addr }

// Contains reports whether a lies in the range.
func (r Range) Contains(a addr.Addr) bool { return a >= r.Start && a < r.End }

// GuestSymbol is a symbol of a module as the guest's own kallsyms has it.
type GuestSymbol struct {
	Name string
	Addr addr.Addr
	Kind Kind
}

// Module is one loaded module: what the guest says, and the file if there is one.
type Module struct {
	Name     string
	Sections map[string]addr.Addr // run-time address by section name
	Text     []Range              // where its code lies
	Image    *Image               // nil: no file found
	Syms     []GuestSymbol        // the guest's symbols, in the guest's order
	Note     string               // why there is no file, for people
}
