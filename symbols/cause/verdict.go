package cause

import (
	"fmt"
	"strings"
)

// Verdict is what kind of address an access went to.
type Verdict string

// The verdicts.
const (
	None         Verdict = ""              // nothing odd about the address itself
	Null         Verdict = "null"          // a null pointer, or an offset to one
	NearNull     Verdict = "near-null"     // the pointer is a small number
	ErrorPointer Verdict = "error-pointer" // ERR_PTR()
	Poison       Verdict = "poison"        // what freed or unused memory is filled with
	NonCanonical Verdict = "non-canonical" // no address at all
	User         Verdict = "user"          // in the user's half of the address space
	KASANShadow  Verdict = "kasan-shadow"  // the shadow of an address that is none of the kernel's
)

// verdict is a judgement and its words.
type verdict struct {
	kind   Verdict
	text   string
	offset int64 // from the pointer that is bad
}

func (v verdict) bad() bool { return v.kind != None }

// shadowOffset is KASAN_SHADOW_OFFSET of x86-64: the shadow of address a lies at
// a>>3 plus this. Source: linux arch/x86/Kconfig, mm/kasan/report.c
// kasan_non_canonical_hook.
const shadowOffset = 0xdffffc0000000000

// page is PAGE_SIZE.
const page = 4096

// farthest bounds the offset of a member.
const farthest = 1 << 20

// judge says what is odd about an address and its pointer.
func (e *explainer) judge(a *Access) verdict {
	if !a.Known {
		return verdict{}
	}
	if shadowed(a) {
		return e.shadow(a.Addr)
	}
	p := pointer(a)
	offset := int64(a.Addr - p.value)
	if v := badPointer(p); v.kind == NearNull && offset == 0 {
		return e.judgeAddress(a.Addr)
	} else if v.bad() && offset > -farthest && offset < farthest {
		v.offset = offset
		v.text += e.member(a, p, offset)
		return v
	}
	return e.judgeAddress(a.Addr)
}

// judgeAddress says what is odd about an address whose pointer is not known.
func (e *explainer) judgeAddress(at uint64) verdict {
	switch {
	case at == 0:
		return verdict{kind: Null, text: "null pointer"}
	case at < page:
		return verdict{kind: Null, text: fmt.Sprintf("null pointer plus %#x", at), offset: int64(at)}
	case -at <= maxErrno && at != 0:
		return verdict{kind: ErrorPointer, text: errorPointer("the address", int64(at))}
	case e.canonical(at):
		if int64(at) > 0 {
			return verdict{kind: User, text: "user-space address"}
		}
		return verdict{}
	}
	if text := poisonNear(at); text != "" {
		return verdict{kind: Poison, text: "non-canonical address, " + text}
	}
	return verdict{kind: NonCanonical, text: "non-canonical address" + spelled(at)}
}

// canonical reports whether the CPU takes an address: 48 bits of it, 57 with
// 5-level page tables.
func (e *explainer) canonical(at uint64) bool {
	unused := 16
	if e.la57() {
		unused = 7
	}
	return uint64(int64(at<<unused)>>unused) == at
}

// la57 reports whether the CPU uses 5 levels of page tables.
func (e *explainer) la57() bool {
	cr4, ok := e.reg("cr4")
	return ok && cr4&(1<<12) != 0
}

// shadowed reports whether an access goes through the constant that KASAN adds.
// The shadow of null and of user space is where nothing else can be.
func shadowed(a *Access) bool {
	const user = 1 << 47
	if a.Addr-shadowOffset < user>>3 {
		return true
	}
	for _, t := range a.terms {
		if t.value == shadowOffset && t.scale == 1 && a.Addr-shadowOffset < 1<<61 {
			return true
		}
	}
	return false
}

// shadow judges the address that a KASAN check was for.
func (e *explainer) shadow(at uint64) verdict {
	first := (at - shadowOffset) << 3
	what := fmt.Sprintf("KASAN's check of address %#x to %#x", first, first+7)
	v := e.judgeAddress(first)
	switch {
	case first < page:
		v.text = "null pointer"
		if first > 0 {
			v.text += fmt.Sprintf(", member at offset %d to %d", first, first+7)
		}
	case !v.bad():
		return verdict{}
	}
	return verdict{kind: KASANShadow, text: what + ": " + v.text, offset: int64(first)}
}

// pointer finds the register of an address that is meant to be the pointer: what
// is no small number, and no index.
func pointer(a *Access) term {
	best := term{name: "the address", value: uint64(a.disp)}
	for _, t := range a.terms {
		switch {
		case t.scale != 1 || strings.HasSuffix(t.name, "_base") || strings.HasSuffix(t.name, "/8"):
			continue
		case best.scale == 0 && !table(a), small(best.value) && !small(t.value):
			best = t
		}
	}
	return best
}

// table reports whether an address is an index into a static array of the kernel,
// whose place is in the instruction.
func table(a *Access) bool { return a.disp < -1<<24 }

func small(v uint64) bool { return v+page < 2*page }

// badPointer judges the value of a pointer.
func badPointer(p term) verdict {
	switch v := p.value; {
	case p.scale == 0:
		return verdict{}
	case v == 0:
		return verdict{kind: Null, text: "null pointer"}
	case v < page:
		return verdict{kind: NearNull, text: fmt.Sprintf("%s = %#x is next to null", p.name, v)}
	case poison(v) != "":
		return verdict{kind: Poison, text: fmt.Sprintf("%s is %s", p.name, poison(v))}
	case -v <= maxErrno:
		return verdict{kind: ErrorPointer, text: errorPointer(p.name, int64(v))}
	}
	return verdict{}
}

// errorPointer names an error pointer. A pointer to the member of a structure,
// made into one to the structure by container_of(), looks the same if it was null.
func errorPointer(name string, v int64) string {
	text := fmt.Sprintf("%s = %d", name, v)
	word := errno(-v)
	switch aligned := v%8 == 0; {
	case word != "" && aligned:
		return text + fmt.Sprintf(" is ERR_PTR(-%s), or %d bytes before a null pointer", word, -v)
	case word != "":
		return text + fmt.Sprintf(" is ERR_PTR(-%s)", word)
	}
	return text + fmt.Sprintf(" is %d bytes before a null pointer, or an error pointer", -v)
}

// member says what of the thing pointed to was meant.
func (e *explainer) member(a *Access, p term, offset int64) string {
	plain := offset == a.disp
	if plain {
		if name := e.memberName(p.name, offset); name != "" {
			return fmt.Sprintf(", member %s at offset %d", name, offset)
		}
	}
	switch {
	case offset == 0:
		return ""
	case plain && offset > 0:
		return fmt.Sprintf(", member at offset %d", offset)
	case offset > 0:
		return fmt.Sprintf(", %d bytes behind it", offset)
	}
	return fmt.Sprintf(", %d bytes before it", -offset)
}

// spelled shows text that was taken for an address.
func spelled(at uint64) string {
	var b []byte
	for v := at; v != 0; v >>= 8 {
		c := byte(v)
		if c < 0x20 || c > 0x7e {
			return ""
		}
		b = append(b, c)
	}
	if len(b) < 8 {
		return ""
	}
	return fmt.Sprintf(", the text %q", b)
}
