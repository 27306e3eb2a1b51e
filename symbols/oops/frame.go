package oops

import "strings"

// parseFrame reads a line of a stack trace.
// Shape of the lines, prefix off; a context marker may stand before each of them:
//
//	 c_null+0x9/0x20 [crashme]
//	 ? c_null+0x9/0x20 [crashme bf9aad3e150938694498a317ce4f3b548437287f] (P)
//	[<ffffffff81ca45ed>] dump_stack+0xc1/0x124
//	[<     inline     >] __dump_stack lib/dump_stack.c:15
//	vfs_read+0x12/0x34 fs/read_write.c:12 [inline]
//	vfs_read (fs/read_write.c:12) crashme
//	0xffffffff810abcde
//
//	[c00000000d2bb940] [c0000000003b8d10] foo+0x50/0x120 (unreliable)
//
// The arm form with "from" is parseFrom's.
func parseFrame(text string) (Frame, bool) {
	f := Frame{Reliable: true, Raw: text}
	s := skipBlanks(text)
	s, inline := f.takeAddrs(s)
	if t, ok := strings.CutPrefix(s, "? "); ok {
		f.Reliable = false
		s = skipBlanks(t)
		s, _ = f.takeAddrs(s)
	}
	if s == "" {
		return f, f.Addr != 0 && !inline
	}
	if addr, rest, ok := hexNumber(s); ok {
		f.Addr = addr
		return f, rest == "" && addr > 0xffff
	}
	s, hasOff, ok := f.takeSymbol(s)
	if !ok {
		return Frame{}, false
	}
	if strings.HasPrefix(s, " (") && f.takeScript(s[2:]) {
		return f, true
	}
	if strings.HasSuffix(s, "(unreliable)") {
		f.Reliable = false
	}
	decoded := f.takeTail(s)
	return f, hasOff || inline || decoded && s[0] == ' ' && len(strings.Fields(s)) <= 3
}

// takeAddrs takes up to two "[<ffffffff81ca45ed>]" with the blanks behind them, or
// what powerpc prints: the addresses of stack and code without '<'.
func (f *Frame) takeAddrs(s string) (rest string, inline bool) {
	for range 2 {
		if len(s) > 19 && s[0] == '[' && s[17] == ']' && s[18] == ' ' && allHex(s[1:17]) {
			f.Addr, _, _ = bareHex(s[1:])
			s = skipBlanks(s[18:])
			continue
		}
		if !strings.HasPrefix(s, "[<") {
			break
		}
		end := strings.Index(s, ">]")
		if end < 0 || end > 32 {
			break
		}
		inner := strings.TrimSpace(s[2:end])
		if inner == "inline" {
			inline, f.Inlined = true, true
		} else if v, tail, ok := bareHex(inner); ok && tail == "" {
			f.Addr = v
		} else if v, tail, ok := hexNumber(inner); ok && tail == "" {
			f.Addr = v
		} else {
			break
		}
		s = skipBlanks(s[end+2:])
	}
	return s, inline
}

// takeSymbol takes "func", "func+0x9/0x20" or "func+0x9". Names with blanks do
// not exist; long Rust names do, so the offset is looked for behind the name.
func (f *Frame) takeSymbol(s string) (rest string, hasOff, ok bool) {
	name, rest := span(s, isSymbol)
	if name == "" || isDigit(name[0]) {
		return s, false, false
	}
	f.Func = name
	t, plus := strings.CutPrefix(rest, "+")
	if !plus {
		return rest, false, true
	}
	off, t, ok := hexNumber(t)
	if !ok {
		return rest, false, true
	}
	f.Off = off
	if u, slash := strings.CutPrefix(t, "/"); slash {
		if size, v, ok := hexNumber(u); ok {
			f.Size, t = size, v
		}
	}
	return t, true, true
}

// takeTail takes what may follow a symbol: module with build-id, reliability
// letters, decoded place. It says whether a decoded place was there.
func (f *Frame) takeTail(s string) (decoded bool) {
	for field := range strings.FieldsSeq(s) {
		switch {
		case field == "[inline]":
			f.Inlined = true
		case field[0] == '[':
			f.Module = strings.TrimRight(field[1:], "]")
		case f.Module != "" && f.BuildID == "" && len(field) >= 33 && field[len(field)-1] == ']' && allHex(field[:len(field)-1]):
			f.BuildID = field[:len(field)-1]
		default:
			if file, line, ok := cutPlace(field); ok && f.File == "" {
				f.File, f.Line, decoded = file, line, true
			}
		}
	}
	return decoded
}

// takeScript takes what the in-tree decode script writes in place of the offset:
// the place, those it was inlined into, and the module behind.
// Sample: vfs_read (fs/read_write.c:451 (discriminator 2) include/linux/fs.h:12) crashme
func (f *Frame) takeScript(s string) bool {
	end := strings.LastIndexByte(s, ')')
	if end < 0 {
		return false
	}
	first, _, _ := strings.Cut(s[:end], " ")
	file, line, ok := cutPlace(first)
	if !ok {
		return false
	}
	f.File, f.Line = file, line
	if module, _ := span(skipBlanks(s[end+1:]), isSymbol); module != "" {
		f.Module = module
	}
	return true
}

// cutPlace splits "fs/read_write.c:12" and "fs/read_write.c:12:7".
func cutPlace(s string) (file string, line int, ok bool) {
	file, rest, found := strings.Cut(s, ":")
	num, _, _ := strings.Cut(rest, ":")
	if !found || !strings.Contains(file, ".") || file[0] == '(' || !allDigits(num) {
		return "", 0, false
	}
	return file, atoi(num), true
}

// parseFrom reads the arm form, which names callee and caller on one line.
// Sample: [<80c1e5e8>] (__schedule) from [<80c1eb20>] (schedule+0x60/0xdc)
// Sample:  __schedule from schedule+0x60/0xdc
func parseFrom(text string) (callee, caller Frame, ok bool) {
	left, right, found := strings.Cut(text, " from ")
	if !found {
		return callee, caller, false
	}
	callee, _, ok1 := parseSide(left, text)
	caller, hasOff, ok2 := parseSide(right, text)
	return callee, caller, ok1 && ok2 && hasOff
}

// parseSide takes one function and nothing else but its module and place.
func parseSide(s, raw string) (f Frame, hasOff, ok bool) {
	f = Frame{Reliable: true, Raw: raw}
	s, _ = f.takeAddrs(skipBlanks(s))
	if t, ok := strings.CutPrefix(s, "("); ok {
		s = strings.TrimRight(t, ") ")
	}
	rest, hasOff, ok := f.takeSymbol(s)
	decoded := f.takeTail(rest)
	return f, hasOff, ok && (strings.TrimLeft(rest, " ") == "" || f.Module != "" || decoded)
}

// parseContext takes a stack marker from the start of a trace line.
// Sample: <IRQ>  </TASK>  <EOI>  <<EOE>>  <#DF>  <NMI>
func parseContext(text string) (name string, end bool, rest string, ok bool) {
	s := skipBlanks(text)
	if s == "" || s[0] != '<' {
		return "", false, text, false
	}
	t := strings.TrimLeft(s, "<")
	t, end = strings.CutPrefix(t, "/")
	name, rest = span(t, func(c byte) bool { return isAlpha(c) || isDigit(c) || c == '#' || c == '_' })
	if name == "" || len(name) > 12 || !strings.HasPrefix(rest, ">") || !isUpperName(name) {
		return "", false, text, false
	}
	if name == "EOI" || name == "EOE" {
		end = true
	}
	return name, end, strings.TrimLeft(rest, ">"), true
}

func isUpperName(s string) bool { return s == strings.ToUpper(s) && !allDigits(s) }
