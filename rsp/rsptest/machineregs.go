package rsptest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// reg is a register of QEMU's x86-64 target.
type reg struct {
	name  string
	bytes int
}

// regs lists the registers in the order of g and p. Source: QEMU 7.2
// target.xml, i386-64bit.xml.
var regs = registerList()

func registerList() []reg {
	var list []reg
	add := func(bytes int, names ...string) {
		for _, n := range names {
			list = append(list, reg{n, bytes})
		}
	}
	numbered := func(bytes int, prefix string, n int) {
		for i := range n {
			add(bytes, prefix+strconv.Itoa(i))
		}
	}
	add(8, "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip")
	add(4, "eflags", "cs", "ss", "ds", "es", "fs", "gs")
	add(8, "fs_base", "gs_base", "k_gs_base", "cr0", "cr2", "cr3", "cr4", "cr8", "efer")
	numbered(10, "st", 8)
	add(4, "fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop")
	numbered(16, "xmm", 16)
	add(4, "mxcsr")
	return list
}

// NewRegs returns the g reply of a CPU whose registers are all zero.
func NewRegs() []byte {
	last := len(regs) - 1
	return make([]byte, regOffset(last)+regs[last].bytes)
}

// PutReg stores a value, of eight bytes at most, in a g reply by the register's
// name.
func PutReg(g []byte, name string, value uint64) {
	for n, r := range regs {
		if r.name == name {
			var raw [16]byte
			binary.LittleEndian.PutUint64(raw[:], value)
			copy(g[regOffset(n):], raw[:r.bytes])
			return
		}
	}
	panic("ktrap bug: rsptest knows no register " + name)
}

func regOffset(n int) int {
	off := 0
	for _, r := range regs[:n] {
		off += r.bytes
	}
	return off
}

// regBytes returns the bytes of register number n of the selected CPU.
func (m *Machine) regBytes(n string) []byte {
	i, err := strconv.ParseUint(n, 16, 16)
	if err != nil || int(i) >= len(regs) || !m.xmlRead {
		return nil
	}
	off := regOffset(int(i))
	return m.CPUs[m.cpu].Regs[off : off+regs[i].bytes]
}

func (m *Machine) readReg(args string) string { return hex.EncodeToString(m.regBytes(args)) }

func (m *Machine) writeReg(args string) string {
	n, value, _ := strings.Cut(args, "=")
	dst := m.regBytes(n)
	raw, err := hex.DecodeString(value)
	switch {
	case dst == nil:
		return ""
	case err != nil || len(raw) != len(dst):
		return "E22"
	}
	copy(dst, raw)
	return "OK"
}

// xfer answers qXfer:features:read:ANNEX:OFF,LEN.
func (m *Machine) xfer(args string) string {
	var off, n int
	rest, ok := strings.CutPrefix(args, "features:read:")
	annex, at, _ := strings.Cut(rest, ":")
	if _, err := fmt.Sscanf(at, "%x,%x", &off, &n); err != nil || !ok {
		return "E00"
	}
	var doc string
	switch annex {
	case "target.xml":
		doc = `<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><architecture>i386:x86-64</architecture><xi:include href="i386-64bit.xml"/></target>`
	case "i386-64bit.xml":
		doc = coreXML()
	default:
		return "E00"
	}
	m.xmlRead = true
	if off >= len(doc) {
		return "l"
	}
	if part := doc[off:]; len(part) > n {
		return "m" + part[:n]
	}
	return "l" + doc[off:]
}

// regType is gdb's name for a register's type; it takes no int of any other size.
func regType(bytes int) string {
	switch bytes {
	case 10:
		return "i387_ext"
	case 16:
		return "uint128"
	}
	return "int"
}

// coreXML describes regs. Like QEMU's it holds a block that is commented out.
func coreXML() string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><!DOCTYPE feature SYSTEM "gdb-target.dtd"><feature name="org.gnu.gdb.i386.core">`)
	for n, r := range regs {
		if r.name == "fs_base" {
			b.WriteString("\n<!--\n<reg name=\"cs_base\" bitsize=\"64\" type=\"int\"/>\n-->")
		}
		fmt.Fprintf(&b, "\n<reg name=%q bitsize=\"%d\" type=%q", r.name, r.bytes*8, regType(r.bytes))
		if n == 0 {
			b.WriteString(` regnum="0"`)
		}
		b.WriteString("/>")
	}
	b.WriteString("\n</feature>\n")
	return b.String()
}
