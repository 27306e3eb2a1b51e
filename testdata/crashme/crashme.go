// Package crashme carries the source of a kernel module that makes a Linux
// guest fail in a chosen way (echo KEYWORD > /proc/crashme). It is embedded so
// that a ktrap binary alone can build the module for any kernel of the lab.
package crashme

import _ "embed"

// Source is crashme.c.
//
//go:embed module/crashme.c
var Source []byte

// Makefile is the kbuild file that belongs to [Source].
//
//go:embed module/Makefile
var Makefile []byte
