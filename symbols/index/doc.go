// Package index keeps the answers "what is at this pc" of a whole file of debug
// information in one flat table: functions, inlined calls, lines, files, names.
//
// It knows no DWARF: a [Unit] is filled by who does, [Build] joins the units.
// The table is used as it lies in its cache file, mapped and not decoded; a
// [Folder] keeps such files. What is read from a file is checked as a whole once
// and at every step again, so that a damaged one is an error and no wrong answer.
//
// Layout, all little-endian: a header; blocks, by address; units; names and
// files of the units, as offsets of strings; rows; scopes; strings.
package index
