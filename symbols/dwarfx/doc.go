// Package dwarfx decodes the parts of DWARF 2 to 5 that debug/dwarf lacks or is
// too slow for: unit headers, abbreviations, forms, range lists and the operations
// of expressions, on sections that stay mapped. It allocates per unit, not per
// entry.
//
// Everything here reads bytes from outside: offsets and lengths are checked,
// loops consume input, and errors stick to the cursor with their place.
package dwarfx
