package cause

// pageFault explains a page fault.
func (e *explainer) pageFault() (string, *Access) {
	at, ok := e.faultAddress()
	if !ok {
		return e.unaddressed()
	}
	if e.Fault.executed() || !e.Relative && at == uint64(e.PC) && e.marked == nil {
		return e.judged(Access{Op: Execute, Addr: at, Known: true})
	}
	var unknown []Access
	for _, a := range e.accesses() {
		switch {
		case a.holds(at):
			return e.judged(e.direction(a))
		case !a.Known && e.allows(&a):
			unknown = append(unknown, a)
		}
	}
	// Where registers are missing, the only access that there is is the one.
	if len(unknown) == 1 && len(e.accesses()) == 1 {
		a := unknown[0]
		a.Addr, a.Known = at, true
		text, judged := e.judged(e.direction(a))
		return text, judged
	}
	return e.judged(e.direction(Access{Op: Touch, Addr: at, Known: true}))
}

// faultAddress is the address that the CPU could not access. The kernel hides
// that of a stack's guard page, but cr2 still has it.
func (e *explainer) faultAddress() (uint64, bool) {
	if e.Fault.HasAddr {
		return e.Fault.Addr, true
	}
	cr2, ok := e.reg("cr2")
	if !ok || e.Fault.Kind == Sanitizer {
		return 0, false
	}
	for _, a := range e.accesses() {
		if a.holds(cr2) {
			return cr2, true
		}
	}
	return 0, false
}

// unaddressed explains a page fault whose address is not known.
func (e *explainer) unaddressed() (string, *Access) {
	list := e.accesses()
	for _, a := range list {
		if v := e.judge(&a); v.bad() {
			return e.judged(a)
		}
	}
	if len(list) == 1 {
		return e.judged(list[0])
	}
	return "", nil
}

// direction takes the CPU's word for what the access was.
func (e *explainer) direction(a Access) Access {
	if a.Op == Touch && e.Fault.HasCode {
		a.Op = Read
		if e.Fault.bit(pfWrite) {
			a.Op = Write
		}
	}
	return a
}

// allows reports whether the CPU's word does not rule an access out.
func (e *explainer) allows(a *Access) bool {
	return !e.Fault.HasCode || e.Fault.bit(pfWrite) == (a.Op != Read)
}
