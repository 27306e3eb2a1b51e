package symbols

// Location is one level of the answer to "where is this address": the function
// whose code it is, inlined or not.
type Location struct {
	Func     string
	Off      uint64 // offset in the symbol that holds the code; outermost level only
	Size     uint64 // size of that symbol as kallsyms has it; outermost level only
	File     string // as in the source tree, fs/read_write.c; "" when not known
	Path     string // as the compiler wrote it, for finding the source
	Line     int    // 0 when not known
	Column   int
	CallFile string // where the function was inlined; inlined levels only
	CallLine int
	Inlined  bool
	Module   string // "" for vmlinux
}

// Reason says why an answer is not complete.
type Reason uint8

// The reasons; the zero value says that the answer is complete.
const (
	Complete     Reason = iota
	NotText             // no address of kernel or module code
	NoSymbol            // code, but no symbol covers it
	NoModuleFile        // the module's file was not found; names come from the guest
	NoDebugInfo         // the file has symbols only
	NoLine              // the debug information does not cover the address
	Generated           // code that the compiler gives no line of the source
	Padding             // filler after the end of a function
	Prefix              // filler before a function, a __pfx_ symbol
	Data                // not code, but a symbol covers it
)

// String says the reason in words.
func (r Reason) String() string {
	switch r {
	case Complete:
		return "complete"
	case NotText:
		return "not kernel code"
	case NoSymbol:
		return "no symbol there"
	case NoModuleFile:
		return "no debug file for this module"
	case NoDebugInfo:
		return "no debug information"
	case NoLine:
		return "not covered by debug information"
	case Prefix:
		return "padding before the function"
	case Data:
		return "data"
	case Generated:
		return "made by the compiler: no source line"
	case Padding:
		return "padding after the function"
	}
	return "unknown reason"
}
