package oops

import "strings"

// parseIP reads the line that says where the instruction pointer was.
// Sample: RIP: 0010:c_null+0x9/0x20 [crashme]
// Sample: RIP: 0010:[<ffffffff82d4e304>]  [<ffffffff82d4e304>] __memset+0x24/0x30
// Sample: RIP: 0033:0x7f56a8c90369
// Sample: pc : mark_lock+0x4/0x1b4
// Sample: PC is at __sanitizer_cov_trace_pc+0x4c/0x78
// Sample: NIP [c0000000003b8d1c] f+0x5c/0x120
// Sample: epc : f+0x12/0x34 ra : g+0x2/0x4
func parseIP(text string) (f Frame, user, ok bool) {
	s, segment, ok := cutIP(text)
	if !ok {
		return Frame{}, false, false
	}
	f = Frame{Reliable: true, Exact: true, Raw: text}
	s, _ = f.takeAddrs(skipBlanks(s))
	sym := f
	rest, hasOff, ok := sym.takeSymbol(s)
	if ok && (sym.takeTail(rest) || hasOff) {
		f = sym
	} else if strings.HasPrefix(rest, " (") && sym.takeScript(rest[2:]) {
		f = sym
	} else if v, _, ok := hexNumber(s); ok {
		f.Addr = v
	}
	// The privilege level is in the low bits of the code segment.
	user = segment != "" && (segment[len(segment)-1]-'0')&3 == 3
	return f, user, true
}

func cutIP(text string) (rest, segment string, ok bool) {
	s := skipBlanks(text)
	for _, name := range []string{"RIP:", "IP:", "EIP:", "NIP:", "NIP [", "pc :", "PC is at", "epc :", "psw :"} {
		rest, ok = strings.CutPrefix(s, name)
		if !ok {
			continue
		}
		if name == "NIP [" {
			rest = "[" + rest
		}
		rest = skipBlanks(rest)
		if seg, after := span(rest, isHex); len(seg) == 4 && strings.HasPrefix(after, ":") && seg != "" {
			return after[1:], seg, true
		}
		return rest, "", true
	}
	return text, "", false
}

// parseRegs reads a line of registers.
// Sample: RSP: 0018:ffff880183f5f9f8 EFLAGS: 00000293 ORIG_RAX: ffffffffffffff13
// Sample: FS:  000000000217c940(0000) GS:ffff8801daf00000(0000) knlGS:0000000000000000
// Sample: x29: ffff800015fe00b0 x28: 0000000000000002 x27: ffff00013e520050
func parseRegs(text string) []Register {
	var regs []Register
	for s := skipBlanks(text); s != "" && len(regs) < 32; s = skipBlanks(s) {
		r, rest, ok := takeReg(s)
		if !ok {
			break
		}
		regs = append(regs, r)
		s = rest
	}
	return regs
}

func takeReg(s string) (Register, string, bool) {
	name, rest := span(s, func(c byte) bool { return isAlpha(c) || isDigit(c) || c == '_' })
	if !isRegister(name) {
		return Register{}, s, false
	}
	rest, ok := strings.CutPrefix(skipBlanks(rest), ":")
	if !ok {
		return Register{}, s, false
	}
	rest = skipBlanks(rest)
	if seg, after := span(rest, isHex); len(seg) == 4 && strings.HasPrefix(after, ":") {
		rest = after[1:]
	}
	v, rest, ok := bareHex(rest)
	if !ok {
		return Register{}, s, false
	}
	if t, ok := strings.CutPrefix(rest, "("); ok { // the selector behind FS and GS, flag letters behind pstate
		if end := strings.IndexByte(t, ')'); end >= 0 {
			rest = t[end+1:]
		}
	}
	return Register{Name: strings.ToLower(name), Value: v}, rest, true
}

// isRegister knows the names by their form, so that words with a colon behind
// them are not taken for registers.
func isRegister(name string) bool {
	switch strings.ToLower(name) {
	case "rsp", "eflags", "orig_rax", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r08", "r09",
		"esp", "eax", "ebx", "ecx", "edx", "esi", "edi", "ebp",
		"fs", "gs", "knlgs", "cs", "ds", "es", "ss", "pkru", "sp", "fp", "ip", "lr", "pstate", "ra", "gp", "tp", "status", "badaddr", "cause":
		return true
	}
	letters, digits := span(name, isAlpha)
	switch strings.ToLower(letters) {
	case "r", "x", "cr", "dr", "s", "a", "t":
		return allDigits(digits) && len(digits) <= 2
	}
	return false
}

// parseCode reads the bytes around the instruction pointer.
// Sample: Code: 48 83 c4 28 c3 <8b> 04 25
func parseCode(text string) (string, bool) {
	return strings.CutPrefix(skipBlanks(text), "Code: ")
}
