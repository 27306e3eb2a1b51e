// Package lines answers from DWARF which function, inlined calls and source line
// a pc belongs to, and which addresses a source line has.
//
// One address touches one compile unit: .debug_aranges names it, else the root
// entries of the units do. What a unit yields (functions, line rows) is kept;
// nothing reads the whole file unless a question needs it.
//
// All addresses are link addresses.
package lines
