package expr

import (
	"debug/dwarf"
	"fmt"
	"strconv"
	"strings"

	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

// FormatOptions say how a value is printed; the zero value prints as gdb does.
type FormatOptions struct {
	// Radix is gdb's format letter: x o t d u c a s z; 0 goes by the type.
	Radix byte
	// Pretty puts each member of a struct on a line of its own.
	Pretty bool
	// Elements bounds how much of an array or a string is shown; 0 means 200.
	Elements int
	// Depth bounds structs within structs; 0 means 20.
	Depth int
	// Bytes bounds the whole text; 0 means 64 KiB.
	Bytes int
}

func (o *FormatOptions) withDefaults() FormatOptions {
	var out FormatOptions
	if o != nil {
		out = *o
	}
	if out.Elements <= 0 {
		out.Elements = 200
	}
	if out.Depth <= 0 {
		out.Depth = 20
	}
	if out.Bytes <= 0 {
		out.Bytes = 64 << 10
	}
	return out
}

// Radixes lists the format letters there are.
const Radixes = "xotducasz"

// Format prints a value. What cannot be read is said in its place, so there is
// always a text; it is bounded and has no control characters but newlines.
func (v Value) Format(o *FormatOptions) string {
	p := printer{FormatOptions: o.withDefaults(), env: v.env}
	v = v.In(v.env.cached(v))
	p.top(v)
	if p.full() {
		return strings.ToValidUTF8(p.b.String()[:p.Bytes], "") + "..."
	}
	return p.b.String()
}

// String prints a value with the defaults.
func (v Value) String() string { return v.Format(nil) }

// printer writes one value.
type printer struct {
	FormatOptions
	env   *Env
	b     strings.Builder
	depth int
}

// full reports whether the text has its size; every loop looks here.
func (p *printer) full() bool { return p.b.Len() > p.Bytes }

// put writes text from debug info or the guest, made harmless.
func (p *printer) put(s string) { p.b.WriteString(clean(s)) }

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// problem writes why something cannot be shown.
func (p *printer) problem(err error) { p.put("<" + err.Error() + ">") }

// top writes a value that stands alone: pointers and functions say their type.
func (p *printer) top(v Value) {
	if v.typ == nil {
		p.put("void")
		return
	}
	switch k := kindOf(v.typ); {
	case v.missing != nil || p.Radix != 0:
	case k == kindPointer && !isText(v.typ):
		p.put("(" + types.Spell(v.typ) + ") ")
	case k == kindFunc:
		p.put("{" + types.Spell(v.typ) + "} ")
	}
	p.value(v)
}

// value writes any value.
func (p *printer) value(v Value) {
	if v.missing != nil {
		p.problem(v.missing)
		return
	}
	switch kindOf(v.typ) {
	case kindStruct:
		p.structure(v)
	case kindArray:
		p.array(v)
	case kindFunc:
		p.address(v.addr)
	case kindFloat:
		p.float(v)
	case kindOther:
		p.put("<" + types.Spell(v.typ) + ">")
	default:
		p.scalar(v)
	}
}

func (p *printer) scalar(v Value) {
	u, err := v.scalar()
	if err != nil {
		p.large(v, err)
		return
	}
	if p.Radix != 0 {
		p.radix(v, u)
		return
	}
	switch kindOf(v.typ) {
	case kindPointer:
		p.pointer(v, u)
	case kindEnum:
		p.put(enumText(types.Strip(v.typ).(*dwarf.EnumType), u))
	case kindBool:
		p.put(boolText(u))
	case kindChar:
		p.put(decimal(v.typ, u) + " " + charText(byte(u)))
	default:
		p.put(decimal(v.typ, u))
	}
}

// large writes numbers of more than 64 bits in hexadecimal, and the problem
// with everything else.
func (p *printer) large(v Value, err error) {
	b, readErr := v.Bytes()
	if readErr != nil || len(b) <= 8 {
		p.problem(err)
		return
	}
	p.put("0x")
	for n := len(b) - 1; n >= 0; n-- {
		p.put(fmt.Sprintf("%02x", b[n]))
	}
}

func (p *printer) pointer(v Value, u uint64) {
	p.address(addr.Addr(u))
	if u == 0 || !isText(v.typ) {
		return
	}
	s, ended, err := v.env.readString(addr.Addr(u), p.Elements)
	if err != nil && len(s) == 0 {
		p.put(" ")
		p.problem(err)
		return
	}
	p.put(" " + quote(s))
	if !ended {
		p.put("...")
	}
}

// address writes a pointer and the symbol it points into.
func (p *printer) address(a addr.Addr) {
	p.put(fmt.Sprintf("%#x", uint64(a)))
	if p.env == nil || p.env.Namer == nil {
		return
	}
	if name, ok := p.env.Namer(a); ok {
		p.put(" <" + name + ">")
	}
}

func decimal(t dwarf.Type, u uint64) string {
	if signed(t) {
		return strconv.FormatInt(int64(u), 10)
	}
	return strconv.FormatUint(u, 10)
}

func boolText(u uint64) string {
	switch u {
	case 0:
		return "false"
	case 1:
		return "true"
	}
	return strconv.FormatUint(u, 10)
}

// enumText names an enum's value, as flags if it is a combination of them.
func enumText(t *dwarf.EnumType, u uint64) string {
	var names []string
	rest := u
	for _, v := range t.Val {
		bits := uint64(v.Val)
		if bits == u {
			return v.Name
		}
		if bits&(bits-1) == 0 && rest&bits != 0 {
			names = append(names, v.Name)
			rest &^= bits
		}
	}
	if len(names) == 0 {
		return decimal(t, u)
	}
	if rest != 0 {
		names = append(names, fmt.Sprintf("unknown: %#x", rest))
	}
	return "(" + strings.Join(names, " | ") + ")"
}
