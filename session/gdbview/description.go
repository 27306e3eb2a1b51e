package gdbview

import (
	"bytes"
	"strings"

	"ktrap/session/target"
)

// WithoutOS says in a target.xml that no operating system's rules hold. gdb built
// for Linux would else look for the shared libraries of a process, and take
// ours from nobody.
func WithoutOS(description []byte) []byte {
	const end = "</architecture>"
	if bytes.Contains(description, []byte("<osabi>")) || !bytes.Contains(description, []byte(end)) {
		return description
	}
	return bytes.Replace(description, []byte(end), []byte(end+"<osabi>none</osabi>"), 1)
}

// Registers is the reply to g: value gives a register in target byte order, or
// says that it is not known, which gdb shows as <unavailable>.
func Registers(regs []target.Register, value func(target.Register) ([]byte, bool)) []byte {
	var b bytes.Buffer
	for _, r := range regs {
		b.Write(Register(r, value))
	}
	return b.Bytes()
}

// Register is the reply to p.
func Register(r target.Register, value func(target.Register) ([]byte, bool)) []byte {
	size := (r.Bits + 7) / 8
	raw, ok := value(r)
	if !ok {
		return []byte(strings.Repeat("x", 2*size))
	}
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 2*size)
	for i := range size {
		var b byte
		if i < len(raw) {
			b = raw[i]
		}
		out = append(out, digits[b>>4], digits[b&15])
	}
	return out
}
