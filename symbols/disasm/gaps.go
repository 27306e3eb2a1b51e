package disasm

import "fmt"

// gapTable lists instructions of kernels that x/arch does not decode, by all
// their bytes. Most are in the 0f 01 group.
// Source: Intel SDM volume 2, opcode map, table A-6; AMD APM volume 3.
var gapTable = map[string]string{
	"\xf3\x0f\x1e\xfa": "endbr64",
	"\xf3\x0f\x1e\xfb": "endbr32",

	"\x0f\x01\xc0": "enclv",
	"\x0f\x01\xc1": "vmcall",
	"\x0f\x01\xc2": "vmlaunch",
	"\x0f\x01\xc3": "vmresume",
	"\x0f\x01\xc4": "vmxoff",
	"\x0f\x01\xc5": "pconfig",
	"\x0f\x01\xc8": "monitor %rax,%ecx,%edx",
	"\x0f\x01\xc9": "mwait  %eax,%ecx",
	"\x0f\x01\xca": "clac",
	"\x0f\x01\xcb": "stac",
	"\x0f\x01\xcf": "encls",
	"\x0f\x01\xd0": "xgetbv",
	"\x0f\x01\xd1": "xsetbv",
	"\x0f\x01\xd4": "vmfunc",
	"\x0f\x01\xd7": "enclu",
	"\x0f\x01\xd8": "vmrun",
	"\x0f\x01\xd9": "vmmcall",
	"\x0f\x01\xda": "vmload",
	"\x0f\x01\xdb": "vmsave",
	"\x0f\x01\xdc": "stgi",
	"\x0f\x01\xdd": "clgi",
	"\x0f\x01\xe8": "serialize",
	"\x0f\x01\xee": "rdpkru",
	"\x0f\x01\xef": "wrpkru",
	"\x0f\x01\xf8": "swapgs",
	"\x0f\x01\xf9": "rdtscp",
	"\x0f\x01\xfa": "monitorx %rax,%ecx,%edx",
	"\x0f\x01\xfb": "mwaitx %eax,%ecx,%ebx",
	"\x0f\x01\xfe": "invlpgb",
	"\x0f\x01\xff": "tlbsync",

	"\x66\x0f\x01\xcc": "tdcall",
	"\xf3\x0f\x01\xd9": "vmgexit",
	"\xf3\x0f\x01\xe8": "setssbsy",
	"\xf3\x0f\x01\xea": "saveprevssp",
	"\xf3\x0f\x01\xfe": "rmpadjust",
	"\xf3\x0f\x01\xff": "psmash",
	"\xf2\x0f\x01\xfe": "rmpupdate",
	"\xf2\x0f\x01\xff": "pvalidate",
}

// gap decodes what x/arch does not. The size is 0 if there is no gap here.
func gap(code []byte) (text string, size int) {
	for n := 3; n <= min(4, len(code)); n++ {
		if text, ok := gapTable[string(code[:n])]; ok {
			return text, n
		}
	}
	if text, size := random(code); size > 0 {
		return text, size
	}
	if text, size := undefined(code); size > 0 {
		return text, size
	}
	return escape38(code)
}

// undefined decodes ud1 with a memory operand of 32-bit addresses, with which
// kernels since 6.19 mark a WARN() and clang a check of UBSAN.
// Sample: 67 48 0f b9 3a is ud1 (%edx),%rdi.
// Source: linux arch/x86/include/asm/bug.h.
func undefined(code []byte) (text string, size int) {
	rex, at := byte(0), 1
	if len(code) > at && code[at]&0xf0 == 0x40 {
		rex, at = code[at], 2
	}
	if len(code) < at+3 || code[0] != 0x67 || code[at] != 0x0f || code[at+1] != 0xb9 {
		return "", 0
	}
	m := code[at+2]
	size = at + 2 + modRM(code[at+2:])
	if m>>6 > 1 || m&7 == 4 || m>>6 == 0 && m&7 == 5 || size > len(code) {
		return "", 0
	}
	disp := ""
	if m>>6 == 1 {
		disp = fmt.Sprintf("%#x", int8(code[at+3]))
	}
	names := longNames
	if rex&8 != 0 {
		names = quadNames
	}
	return "ud1    " + disp + "(" + longNames[m&7|rex&1<<3] + ")," + names[m>>3&7|rex&4<<1], size
}

// random decodes rdrand and rdseed, which are 0f c7 /6 and /7 with a register.
func random(code []byte) (text string, size int) {
	rex, at := byte(0), 0
	if len(code) > 0 && code[0]&0xf0 == 0x40 {
		rex, at = code[0], 1
	}
	if len(code) < at+3 || code[at] != 0x0f || code[at+1] != 0xc7 || code[at+2] < 0xf0 {
		return "", 0
	}
	word := "rdrand "
	if code[at+2] >= 0xf8 {
		word = "rdseed "
	}
	n := code[at+2]&7 | rex&1<<3
	if rex&8 != 0 {
		return word + quadNames[n], at + 3
	}
	return word + longNames[n], at + 3
}

var quadNames = [16]string{"%rax", "%rcx", "%rdx", "%rbx", "%rsp", "%rbp", "%rsi", "%rdi",
	"%r8", "%r9", "%r10", "%r11", "%r12", "%r13", "%r14", "%r15"}

var longNames = [16]string{"%eax", "%ecx", "%edx", "%ebx", "%esp", "%ebp", "%esi", "%edi",
	"%r8d", "%r9d", "%r10d", "%r11d", "%r12d", "%r13d", "%r14d", "%r15d"}

// escape38 finds the length of what the library does not know in 0f 38 f5, f6
// and f9 (shadow stacks, adcx, movdiri), so that one of them does not put the rest
// out of step. They come as data.
func escape38(code []byte) (text string, size int) {
	at := 0
	for at < len(code) && at < 4 && (code[at] == 0x66 || code[at] == 0xf2 || code[at] == 0xf3) {
		at++
	}
	if at < len(code) && code[at]&0xf0 == 0x40 {
		at++
	}
	if len(code) < at+4 || code[at] != 0x0f || code[at+1] != 0x38 {
		return "", 0
	}
	switch code[at+2] {
	case 0xf5, 0xf6, 0xf9:
	default:
		return "", 0
	}
	size = at + 3 + modRM(code[at+3:])
	if size > len(code) {
		return "", 0
	}
	return byteText(code[:size]), size
}

// modRM is the length of a ModRM byte with its SIB byte and displacement.
func modRM(code []byte) int {
	mod, rm := code[0]>>6, code[0]&7
	size := 1
	if mod != 3 && rm == 4 {
		size++
		if mod == 0 && len(code) > 1 && code[1]&7 == 5 {
			size += 4
		}
	}
	switch {
	case mod == 1:
		size++
	case mod == 2, mod == 0 && rm == 5:
		size += 4
	}
	return size
}
