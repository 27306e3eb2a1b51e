package decode

import (
	"bytes"
	"math"
	"strconv"

	"ktrap/symbols/addr"
	"ktrap/symbols/oops"
)

// place is one mention of code in a line.
// Sample: vfs_write+0x1a4/0x840
// Sample: c_oob+0x89/0xb0 [crashme bf9aad3e150938694498a317ce4f3b548437287f]
// Sample: [<ffffffff968caad7>] irq_exit_rcu+0x67/0x80
// Sample: 0xffffffff810abcde
type place struct {
	start, end int // bytes of the line: name, offset and size, or the bare address
	tail       int // end with the module behind it

	name      string // empty: only an address is known
	off, size uint64
	module    string
	buildID   string
	addr      addr.Addr // printed before the name, or alone; 0 if neither

	exact   bool // an instruction pointer; else an address that a call returns to
	unsure  bool // marked with '?': found on the stack, perhaps never called
	decoded bool // its file and line follow already
}

// maxPlaces bounds the places of one line; real lines have up to two.
const maxPlaces = 16

// places finds the code that a line mentions. It is given the raw line, so that
// positions are those of the input.
func places(l *oops.Line) []place {
	var list []place
	for at := 0; len(list) < maxPlaces; {
		i := bytes.Index(l.Raw[at:], []byte("+0x"))
		if i < 0 {
			break
		}
		p, ok := placeAt(l.Raw, at, at+i)
		if ok {
			p.judge(l.Raw)
			list = append(list, p)
			at = p.tail
		} else {
			at += i + len("+0x")
		}
	}
	if len(list) > 0 {
		return list
	}
	if p, ok := barePlace(l); ok {
		return []place{p}
	}
	return nil
}

// placeAt reads the place whose '+' is at plus; its name begins at from or later.
func placeAt(raw []byte, from, plus int) (p place, ok bool) {
	p.start = plus
	for p.start > from && isSymbol(raw[p.start-1]) {
		p.start--
	}
	for p.start < plus && (raw[p.start] == '.' || isDigit(raw[p.start])) {
		p.start++ // no name begins so
	}
	if p.start == plus {
		return p, false
	}
	var n int
	if p.off, n = hexAt(raw[plus+1:]); n == 0 {
		return p, false
	}
	slash := plus + 1 + n
	if slash >= len(raw) || raw[slash] != '/' {
		return p, false
	}
	if p.size, n = hexAt(raw[slash+1:]); n == 0 {
		return p, false
	}
	p.end = slash + 1 + n
	p.name = string(raw[p.start:plus])
	p.tail = p.end
	p.takeModule(raw)
	return p, true
}

// takeModule reads " [ext4]" or " [ext4 BUILDID]".
func (p *place) takeModule(raw []byte) {
	rest := raw[p.tail:]
	if len(rest) < 4 || rest[0] != ' ' || rest[1] != '[' {
		return
	}
	end := bytes.IndexByte(rest[:min(len(rest), maxModule)], ']')
	if end < 0 || end == 2 {
		return
	}
	name, id, _ := bytes.Cut(rest[2:end], []byte(" "))
	for _, c := range name {
		if !isSymbol(c) && c != '-' {
			return // [inline] of decoded text is no module either, but never follows a size
		}
	}
	p.module, p.buildID = string(name), string(id)
	p.tail += end + 1
}

// maxModule bounds what stands in the brackets: 56 bytes of name, 40 of build-id.
const maxModule = 112

// judge reads from the words around a place what kind of address it is.
func (p *place) judge(raw []byte) {
	before := bytes.TrimRight(raw[:p.start], " ")
	if i := bytes.LastIndex(before, []byte("[<")); i >= 0 && bytes.HasSuffix(before, []byte(">]")) {
		if v, ok := parseHex(before[i+2 : len(before)-2]); ok {
			p.addr = v
			before = bytes.TrimRight(before[:i], " ")
		}
	}
	p.unsure = bytes.HasSuffix(before, []byte("?"))
	p.exact = isExact(before)
	after := bytes.TrimLeft(raw[p.tail:], " ")
	word, _, _ := bytes.Cut(after, []byte(" "))
	p.decoded = isFileLine(bytes.TrimRight(word, "\r\n"))
}

// exactBefore are the words after which an instruction pointer stands, and not
// an address that a call returns to.
var exactBefore = [][]byte{
	[]byte("RIP:"), []byte("EIP:"), []byte("IP:"), []byte("pc :"), []byte("PC is at"), []byte("epc :"), []byte("NIP:"), []byte("hint:"),
}

// isExact looks at the line up to the place, blanks and address off.
func isExact(before []byte) bool {
	for len(before) > 0 && bytes.HasSuffix(before, []byte(">]")) { // old kernels print the address twice
		i := bytes.LastIndex(before, []byte("[<"))
		if i < 0 {
			break
		}
		before = bytes.TrimRight(before[:i], " ")
	}
	// "RIP: 0010:f" names the code segment.
	if n := len(before); n > 5 && before[n-1] == ':' {
		if seg := before[n-5 : n-1]; isHex(seg[0]) && isHex(seg[1]) && isHex(seg[2]) && isHex(seg[3]) {
			before = bytes.TrimRight(before[:n-5], " ")
		}
	}
	for _, w := range exactBefore {
		if bytes.HasSuffix(before, w) {
			return true
		}
	}
	return isWarnAt(before)
}

// isWarnAt recognizes the head of a warning, which ends in the place.
// Sample: WARNING: CPU: 0 PID: 84 at kernel/x.c:12 f+0x1/0x2
func isWarnAt(before []byte) bool {
	i := bytes.LastIndex(before, []byte(" at "))
	return i >= 0 && isFileLine(before[i+len(" at "):]) && bytes.Contains(before[:i], []byte("WARNING: "))
}

// barePlace reads a frame that has no name.
func barePlace(l *oops.Line) (place, bool) {
	if !bytes.Contains(l.Raw, []byte("0xff")) && !bytes.Contains(l.Raw, []byte("[<ff")) {
		return place{}, false
	}
	f, ok := l.Frame()
	if a := addr.Addr(f.Addr); !ok || f.Func != "" || !a.Kernel() || a == math.MaxUint64 {
		return place{}, false
	}
	digits := []byte(strconv.FormatUint(f.Addr, 16))
	i := bytes.LastIndex(l.Raw, digits)
	if i < 0 {
		return place{}, false
	}
	p := place{start: i, end: i + len(digits), addr: addr.Addr(f.Addr), exact: f.Exact, unsure: !f.Reliable}
	switch {
	case bytes.HasSuffix(l.Raw[:i], []byte("[<")) && bytes.HasPrefix(l.Raw[p.end:], []byte(">]")):
		p.start, p.end = i-2, p.end+2
	case bytes.HasSuffix(l.Raw[:i], []byte("0x")):
		p.start -= 2
	}
	p.tail = p.end
	word, _, _ := bytes.Cut(bytes.TrimLeft(l.Raw[p.tail:], " "), []byte(" "))
	p.decoded = isFileLine(bytes.TrimRight(word, "\r\n")) || bytes.HasPrefix(word, []byte("("))
	return p, true
}
