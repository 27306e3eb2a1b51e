package cause

import (
	"strconv"
	"strings"
)

// finding is what a report of KASAN says in words. It has no registers of the
// access: the compiler put a check before it, and that check reports.
// Source: linux mm/kasan/report.c, report_generic.c.
type finding struct {
	kind   string // slab-use-after-free, double-free, global-out-of-bounds, ...
	access Access

	cache    string // of the object
	size     string // of the object, in bytes as printed
	distance string // of the address from the object, in bytes as printed
	side     string // inside, behind, before
	freed    bool   // the object was when it was touched
	variable string // a global one
	vmalloc  bool
	frame    string // the function whose variables on the stack are meant
	offset   int64  // in that frame
	locals   []local
}

// local is a variable on the stack.
type local struct {
	from, to int64 // bytes of the frame
	name     string
}

// kasanHead opens a report.
// Sample: BUG: KASAN: slab-use-after-free in c_uaf+0x28/0x60 [crashme]
const kasanHead = "BUG: KASAN: "

// parseKASAN reads the first report of KASAN.
func parseKASAN(text string) (f finding) {
	last, ok := "", false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		_, head, opens := strings.Cut(line, kasanHead)
		switch {
		case opens && ok:
			return f
		case opens:
			f.kind, _, _ = strings.Cut(head, " ")
			f.freed = strings.Contains(f.kind, "free")
			ok = true
		case ok && line != "":
			f.line(line, last)
		}
		if line != "" {
			last = line
		}
	}
	return f
}

// line takes a line of a report, and what was before it.
func (f *finding) line(line, last string) {
	words := strings.Fields(line)
	switch {
	case f.access.Op == "" && f.accessed(words):
	case strings.HasPrefix(line, "which belongs to the cache ") && len(words) > 5:
		f.cache = words[5]
	case strings.HasPrefix(line, "The buggy address is located ") && len(words) > 7:
		f.located(words[5:])
	case strings.Contains(line, "-byte region ["):
		before, _, _ := strings.Cut(line, "-byte region [")
		f.size = before[strings.LastIndexByte(before, ' ')+1:]
		f.freed = f.freed && !strings.HasPrefix(before, "allocated ") // said since 6.4
	case last == "The buggy address belongs to the variable:":
		f.variable, _, _ = strings.Cut(line, "+0x")
	case strings.Contains(line, "belongs to a vmalloc virtual mapping"), strings.HasPrefix(line, "The buggy address belongs to the virtual mapping at"):
		f.vmalloc = true
	case strings.HasPrefix(line, "and is located at offset ") && strings.HasSuffix(line, " in frame:") && len(words) > 5:
		f.offset, _ = strconv.ParseInt(words[5], 10, 64) // 0 if it is none
	case strings.HasPrefix(last, "and is located at offset "):
		f.frame, _, _ = strings.Cut(line, "+0x")
	case f.frame != "" && strings.HasPrefix(line, "["):
		f.local(line)
	}
}

// accessed reads what was done.
// Sample: Read of size 4 at addr ffff88800179be10 by task sh/83
// Sample: Read at addr f5ff000017f2e000 by task syz-executor.1/2197
// Sample: Free of addr ffff88800179be00 by task sh/84
func (f *finding) accessed(words []string) bool {
	at := 3
	switch {
	case len(words) > 3 && (words[0] == "Read" || words[0] == "Write") && words[2] == "addr":
		f.access.Op = Op(strings.ToLower(words[0])) // of a size that the CPU does not tell
	case len(words) > 6 && (words[0] == "Read" || words[0] == "Write") && words[2] == "size" && words[5] == "addr":
		f.access.Op, at = Op(strings.ToLower(words[0])), 6
		f.access.Size, _ = strconv.Atoi(words[3]) // 0 if it is none
	case len(words) > 3 && words[0] == "Free" && words[2] == "addr":
		f.access.Op = Free
	default:
		return false
	}
	v, err := strconv.ParseUint(words[at], 16, 64)
	f.access.Addr, f.access.Known = v, err == nil
	return true
}

// located reads where the address is, seen from the object.
// Sample: 16 bytes inside of
// Sample: 30 bytes to the right of
func (f *finding) located(words []string) {
	f.distance, f.side = words[0], "inside"
	switch words[len(words)-2] {
	case "right":
		f.side = "behind"
	case "left":
		f.side = "before"
	}
}

// local reads a variable on the stack.
// Sample: [32, 42) 'a'
// Sample: [48, 64) 'v' (line 12)
func (f *finding) local(line string) {
	bounds, name, _ := strings.Cut(strings.TrimPrefix(line, "["), ") '")
	name, _, quoted := strings.Cut(name, "'")
	from, to, _ := strings.Cut(bounds, ", ")
	l := local{name: name}
	var err1, err2 error
	l.from, err1 = strconv.ParseInt(from, 10, 64)
	l.to, err2 = strconv.ParseInt(to, 10, 64)
	if quoted && err1 == nil && err2 == nil && l.from <= l.to && len(f.locals) < maxLocals {
		f.locals = append(f.locals, l)
	}
}

// maxLocals bounds the variables of a frame; a hostile log may list any number.
const maxLocals = 64
