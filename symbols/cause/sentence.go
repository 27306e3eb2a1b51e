package cause

import (
	"fmt"
	"strings"
)

// sentence words an access and what is wrong with its address.
func (e *explainer) sentence(a *Access, v verdict) string {
	return e.what(a) + e.why(a, v)
}

// what words an access: read of 8 bytes at rax+0x10 = 0x10.
func (e *explainer) what(a *Access) string {
	text, to := string(a.Op), " at "
	switch {
	case a.Op == Execute && len(a.terms) == 0 && !e.Relative && a.Addr != uint64(e.PC):
		text = "fetch of code" // of an instruction that goes over into the next page
	case a.Op == Execute:
		text, to = "jump", " to "
	}
	switch {
	case a.Size == 1:
		text += " of 1 byte"
	case a.Size > 1:
		text += fmt.Sprintf(" of %d bytes", a.Size)
	}
	switch {
	case a.Expr == "":
		text += to + fmt.Sprintf("%#x", a.Addr)
	case a.Known && len(a.terms) > 0:
		text += to + fmt.Sprintf("%s = %#x", a.Expr, a.Addr)
	default:
		text += to + a.Expr
	}
	return text
}

// why words the verdict, or what the CPU had against an address that has nothing odd.
func (e *explainer) why(a *Access, v verdict) string {
	var parts []string
	switch {
	case a.Op == Execute && v.kind == Null && a.Addr == 0:
		parts = append(parts, "null function pointer")
	case a.Op == Execute && v.kind == Null:
		parts = append(parts, "next to null, there is no code")
	case v.bad():
		parts = append(parts, v.text)
	}
	if !v.bad() && a.Known && e.Fault.Kind != Sanitizer {
		if name := e.name(a.Addr); name != "" {
			parts = append(parts, name)
		} else if area := e.Areas.of(a.Addr, e.la57()); area != "" {
			parts = append(parts, area)
		}
	}
	if v.kind == None || v.kind == User {
		if reason := e.Fault.refusal(v.kind == User, a.Op); reason != "" {
			parts = append(parts, reason)
		}
	}
	for _, t := range a.terms {
		if half := halfPoison(t.value); half != "" {
			parts = append(parts, fmt.Sprintf("%s = %#x is %s", t.name, t.value, half))
		}
	}
	if e.Fault.Kind == Sanitizer {
		parts = append(parts, e.Fault.Detail)
	}
	if e.Fault.Kind == StackGuard {
		parts = []string{"guard page of the stack, which is used up"}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// judged fills an access with its verdict and gives the sentence.
func (e *explainer) judged(a Access) (string, *Access) {
	v := e.judge(&a)
	if shadowed(&a) && !v.bad() {
		first := (a.Addr - shadowOffset) << 3
		v = verdict{kind: KASANShadow, offset: int64(first),
			text: fmt.Sprintf("KASAN's check of address %#x to %#x, which has no shadow", first, first+7)}
	}
	a.Verdict, a.Offset = v.kind, v.offset
	return e.sentence(&a, v), &a
}
