package symbols

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ktrap/symbols/addr"
)

// Query is a location as people write or paste it. Exactly one of Addr, Name and
// File says what is meant.
type Query struct {
	Addr addr.Addr

	Name    string // of a symbol
	Off     uint64
	Size    uint64 // as the kernel printed it; 0 when not given
	Module  string // "" when not given
	BuildID string // of the module, as CONFIG_STACKTRACE_BUILD_ID prints it
	Section bool   // Name is a section's, of a module's file

	File string
	Line int
}

// ErrQuery says that a text is no location.
var ErrQuery = errors.New("not a location")

// ParseQuery reads a location.
// Shape of what is understood; a module in brackets may follow a symbol:
//
//	0xffffffff81234567   ffffffff81234567   [<ffffffff81234567>]
//	vfs_write            vfs_write+0xc7     vfs_write+0xc7/0x3f0 [ext4]
//	fs/read_write.c:567  .text+0x40
//
// A word of hexadecimal digits without 0x is an address from eight digits on.
// Errors: wraps ErrQuery.
func ParseQuery(text string) (Query, error) {
	s := strings.TrimSpace(text)
	s, module, id := cutModule(s)
	if slices.Contains(notModules, module) {
		module, id = "", ""
	}
	if s == "" || len(s) > 4096 {
		return Query{}, fmt.Errorf("%w: %.80q", ErrQuery, text)
	}
	if tooLong(s) {
		return Query{}, fmt.Errorf("%w: %.80q: an address has at most 16 hexadecimal digits", ErrQuery, text)
	}
	if a, ok := parseAddr(s); ok {
		return Query{Addr: a, Module: module, BuildID: id}, nil
	}
	if q, ok := parseFileLine(s); ok {
		return q, nil
	}
	q, err := parseSymbol(s)
	q.Module, q.BuildID = module, id
	if err != nil {
		return Query{}, fmt.Errorf("%w: %.80q: %w", ErrQuery, text, err)
	}
	return q, nil
}

// cutModule takes "[ext4]" or "[ext4 BUILDID]" off the end.
func cutModule(s string) (rest, module, buildID string) {
	i := strings.LastIndexByte(s, '[')
	if i <= 0 || !strings.HasSuffix(s, "]") || s[i-1] != ' ' && s[i-1] != '\t' {
		return s, "", ""
	}
	module, buildID, _ = strings.Cut(s[i+1:len(s)-1], " ")
	return strings.TrimSpace(s[:i]), module, strings.TrimSpace(buildID)
}

func parseAddr(s string) (addr.Addr, bool) {
	if in, ok := strings.CutPrefix(s, "[<"); ok && strings.HasSuffix(in, ">]") {
		s = strings.TrimSuffix(in, ">]")
	}
	digits, prefixed := strings.CutPrefix(strings.ToLower(s), "0x")
	if !prefixed && len(digits) < 8 {
		return 0, false
	}
	v, err := strconv.ParseUint(digits, 16, 64)
	return addr.Addr(v), err == nil
}

// tooLong reports whether a text is digits and more than an address has.
func tooLong(s string) bool {
	digits, prefixed := strings.CutPrefix(strings.ToLower(s), "0x")
	digits = strings.TrimLeft(digits, "0")
	return len(digits) > 16 && strings.Trim(digits, "0123456789abcdef") == "" && (prefixed || strings.ContainsAny(digits, "0123456789"))
}

// notModules are what tools write in brackets behind symbols of the kernel itself.
var notModules = []string{"vmlinux", "kernel.vmlinux", "kernel.kallsyms", "kernel"}

// parseFileLine reads "fs/read_write.c:567" and, with a column, "a.c:5:6".
func parseFileLine(s string) (Query, bool) {
	file, rest, ok := strings.Cut(s, ":")
	number, _, _ := strings.Cut(rest, ":")
	line, err := strconv.ParseUint(number, 10, 31)
	if !ok || file == "" || err != nil {
		return Query{}, false
	}
	return Query{File: file, Line: int(line)}, true
}

var errOffset = errors.New("want NAME+0xOFF or NAME+0xOFF/0xSIZE")

func parseSymbol(s string) (Query, error) {
	if strings.ContainsAny(s, " \t") {
		return Query{}, errors.New("blanks in a name; of whole lines of a log, `ktrap decode` finds the places")
	}
	name, rest, plus := strings.Cut(s, "+")
	q := Query{Name: name, Section: strings.HasPrefix(name, ".")}
	if name == "" {
		return Query{}, errOffset
	}
	if !plus {
		return q, nil
	}
	off, size, slash := strings.Cut(rest, "/")
	var err error
	if q.Off, err = strconv.ParseUint(off, 0, 64); err != nil {
		return Query{}, errOffset
	}
	if slash {
		if q.Size, err = strconv.ParseUint(size, 0, 64); err != nil {
			return Query{}, errOffset
		}
	}
	return q, nil
}
