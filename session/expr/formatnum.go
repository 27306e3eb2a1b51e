package expr

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

// radix writes a number in the format asked for.
func (p *printer) radix(v Value, u uint64) {
	size, _ := v.Size()
	bits := size * 8
	if v.bitSize != 0 {
		bits = v.bitSize
	}
	cut := extend(u, bits, false)
	switch p.Radix {
	case 'x':
		p.put(fmt.Sprintf("%#x", cut))
	case 'z':
		p.put(fmt.Sprintf("0x%0*x", 2*size, cut))
	case 'o':
		p.put(fmt.Sprintf("%#o", cut))
	case 't':
		p.put(strconv.FormatUint(cut, 2))
	case 'd':
		p.put(strconv.FormatInt(int64(extend(u, bits, true)), 10))
	case 'u':
		p.put(strconv.FormatUint(cut, 10))
	case 'c':
		p.put(strconv.FormatInt(int64(int8(cut)), 10) + " " + charText(byte(cut)))
	case 'a':
		p.address(addr.Addr(u))
	default:
		q := printer{FormatOptions: p.FormatOptions, env: p.env}
		q.Radix = 0
		q.scalar(v)
		p.put(q.b.String())
	}
}

func (p *printer) float(v Value) {
	b, err := v.Bytes()
	switch {
	case err != nil:
		p.problem(err)
	case len(b) == 4:
		f := math.Float32frombits(binary.LittleEndian.Uint32(b))
		p.put(strconv.FormatFloat(float64(f), 'g', 9, 32))
	case len(b) == 8:
		p.put(strconv.FormatFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)), 'g', 17, 64))
	default:
		p.put("<" + types.Spell(v.typ) + ">")
	}
}

// charText writes a character as C does, in single quotes.
func charText(c byte) string { return "'" + escape(c, '\'') + "'" }

// quote writes a string as C does.
func quote(s []byte) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		b.WriteString(escape(c, '"'))
	}
	b.WriteByte('"')
	return b.String()
}

func escape(c, delim byte) string {
	switch {
	case c == delim || c == '\\':
		return `\` + string(rune(c))
	case c >= ' ' && c <= '~':
		return string(rune(c))
	case c == '\n':
		return `\n`
	case c == '\t':
		return `\t`
	case c == '\r':
		return `\r`
	}
	return fmt.Sprintf(`\%03o`, c)
}
