// Package crashme carries the source of a kernel module that makes a Linux
// guest fail in a chosen way (echo KEYWORD > /proc/crashme). It is embedded so
// that a ktrap binary alone can build the module for any kernel of the lab.
package crashme

import (
	_ "embed"
	"regexp"
)

// Source is crashme.c.
//
//go:embed module/crashme.c
var Source []byte

// Makefile is the kbuild file that belongs to [Source].
//
//go:embed module/Makefile
var Makefile []byte

// cases matches an entry of the module's table, C(null).
const cases = `\bC\((\w{2,})\)`

// Keywords are what the module can be told to do, in the order in which reading
// /proc/crashme lists them.
func Keywords() []string {
	var words []string
	for _, m := range regexp.MustCompile(cases).FindAllSubmatch(Source, -1) {
		words = append(words, string(m[1]))
	}
	return append(words, "usercopy")
}
