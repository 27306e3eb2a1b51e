package expr

import (
	"errors"
	"testing"
)

// FuzzEval: an expression is parsed or refused with a place in it; what is
// parsed evaluates to a value that prints in bounds and without control
// characters, or to an error with a place.
func FuzzEval(f *testing.F) {
	for _, s := range []string{"init.comm[1] + 2", "*(struct task *)$rdi", "current->mm->pgd", "per_cpu(pcp, 1)", "nums@3",
		"container_of(&init.mm, struct task, mm)", "sizeof(struct task *)", "(u64)-1 >> 3 == 'a'", "offsetof(struct task, comm[3])"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		x, err := Parse(src, func(name string) bool { return name == "u64" })
		if (err != nil) != (x == nil) {
			t.Fatalf("expression %v, error %v", x, err)
		}
		env, _ := world()
		if err == nil {
			var v Value
			if v, err = x.Eval(env); err == nil {
				checkText(t, v)
				return
			}
		}
		place, ok := errors.AsType[*Error](err)
		if !ok || place.Off < 0 || place.Off > len(src) {
			t.Fatalf("%q: error %v has no place", src, err)
		}
	})
}

func checkText(t *testing.T, v Value) {
	t.Helper()
	for _, o := range []FormatOptions{{}, {Pretty: true, Depth: 2, Elements: 3}, {Radix: 'x', Bytes: 100}, {Radix: 's'}} {
		text := v.Format(&o)
		if text == "" || len(text) > o.withDefaults().Bytes+len("...") {
			t.Fatalf("%d bytes printed", len(text))
		}
		for n := range len(text) {
			if c := text[n]; c < ' ' && c != '\n' || c > '~' {
				t.Fatalf("%q printed in %q", c, text)
			}
		}
	}
}
