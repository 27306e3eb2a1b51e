package cfi

import "testing"

func TestRegByNameKnowsEveryNameAndTheAliases(t *testing.T) {
	for r := range NumRegs {
		if got, ok := RegByName(r.String()); !ok || got != r {
			t.Errorf("%v: got %v, %v", r, got, ok)
		}
	}
	for name, want := range map[string]Reg{"pc": RIP, "sp": RSP, "fp": RBP, "RAX": RAX} {
		if got, ok := RegByName(name); !ok || got != want {
			t.Errorf("%s: got %v, %v", name, got, ok)
		}
	}
	if r, ok := RegByName("xmm0"); ok {
		t.Errorf("xmm0 is %v", r)
	}
}

func TestRegsKnowOnlyWhatWasSet(t *testing.T) {
	var r Regs
	r.Set(RBX, 0)
	if _, ok := r.Get(RBX); !ok {
		t.Error("rbx is not known after it was set to 0")
	}
	r.Forget(RBX)
	if v, ok := r.Get(RBX); ok {
		t.Errorf("rbx is %#x after it was forgotten", v)
	}
	r.Set(NumRegs, 1)
	if _, ok := r.Get(NumRegs); ok {
		t.Error("a register that is none is known")
	}
	if r != (Regs{}) {
		t.Errorf("something is left: %+v", r)
	}
}

func TestPtRegsHasEveryRegisterOnce(t *testing.T) {
	seen := make(map[int64]Reg)
	for i, rule := range PtRegs() {
		r := Reg(i)
		if rule.Kind != AtCFA || rule.Off < 0 || rule.Off+8 > PtRegsSize {
			t.Errorf("%v: %+v", r, rule)
		}
		if other, ok := seen[rule.Off]; ok {
			t.Errorf("%v and %v are both at %d", r, other, rule.Off)
		}
		seen[rule.Off] = r
	}
}
