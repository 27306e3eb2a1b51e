package cause

import (
	"strconv"
	"strings"
)

// ParseFault reads from the kernel's text of one crash, prefixes off, what kind
// of trap it was. The first head counts, since crashes inside of crashes follow.
func ParseFault(text string) Fault {
	var f Fault
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if f.Kind == Unknown {
			f.head(line)
		} else {
			f.more(line)
		}
	}
	return f
}

// said is a message of the kernel as part of a sentence.
func said(message string) string {
	if message == "" || strings.ContainsFunc(message, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return ": " + message[:min(len(message), maxMessage)]
}

// maxMessage bounds what is cited.
const maxMessage = 160

// heads lists what lines open, by what they contain.
// Source: linux arch/x86/mm/fault.c show_fault_oops; arch/x86/kernel/traps.c;
// lib/bug.c; mm/kfence/report.c; each entry has a line as a sample.
var heads = []struct {
	mark string
	kind Kind
}{
	{"kernel NULL pointer dereference", PageFault},                      // BUG: kernel NULL pointer dereference, address: 0000000000000010
	{"unable to handle page fault for", PageFault},                      // BUG: unable to handle page fault for address: ffffdead00000000
	{"unable to handle kernel paging", PageFault},                       // BUG: unable to handle kernel paging request at ffffdead00000000
	{"Unable to handle kernel", PageFault},                              // Unable to handle kernel paging request at virtual address 0000000000000010
	{"stack guard page was hit at", StackGuard},                         // BUG: TASK stack guard page was hit at 000000006309ef27 (stack is ...)
	{"stack guard page: 0000", StackGuard},                              // Oops: stack guard page: 0000 [#1] PREEMPT SMP
	{"BUG: KFENCE: ", Sanitizer},                                        // BUG: KFENCE: use-after-free read in c_kfence+0x1/0x2
	{"kernel BUG at ", Bug},                                             // kernel BUG at mm/usercopy.c:102!
	{"Kernel BUG at ", Bug},                                             // Kernel BUG at [verbose debug info unavailable]
	{"WARNING: ", Warning},                                              // WARNING: CPU: 0 PID: 1 at kernel/fork.c:12 copy_process+0x1/0x2
	{"CFI failure at ", CFI},                                            // CFI failure at f+0x1/0x2 (target: g+0x0/0x1; expected type: 0x1)
	{"Missing ENDBR: ", ControlProtection},                              // Missing ENDBR: f+0x0/0x10
	{"PANIC: double fault", DoubleFault},                                // traps: PANIC: double fault, error_code: 0x0
	{"double fault: 0000 [#", DoubleFault},                              // double fault: 0000 [#1] PREEMPT SMP NOPTI
	{"general protection fault", GeneralProtection},                     // general protection fault, probably for non-canonical address 0xdead000000000110: 0000 [#1]
	{"stack segment: ", StackSegment},                                   // stack segment: 0000 [#1] PREEMPT SMP NOPTI
	{"divide error: ", Divide},                                          // divide error: 0000 [#1] SMP
	{"divide_error: ", Divide},                                          // divide_error: 0000 [#1] PREEMPT SMP KASAN, as 5.8 and 5.9 say
	{"invalid opcode: ", InvalidOpcode},                                 // Oops: invalid opcode: 0000 [#1] PREEMPT SMP
	{"int3: 0000 [#", Breakpoint},                                       // int3: 0000 [#1] PREEMPT SMP NOPTI
	{"stack-protector: Kernel stack is corrupted in: ", StackProtector}, // Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: f+0x1/0x2
	{"soft lockup", Interrupt},                                          // watchdog: BUG: soft lockup - CPU#0 stuck for 44s! [sh:1]
	{"detected stall", Interrupt},                                       // rcu: INFO: rcu_sched self-detected stall on CPU
	{"NMI backtrace for cpu", Interrupt},                                // NMI backtrace for cpu 0
	{"Watchdog detected hard LOCKUP", Interrupt},                        // watchdog: Watchdog detected hard LOCKUP on cpu 0
	{"scheduling while atomic", Interrupt},                              // BUG: scheduling while atomic: sh/111/0x00000002
	{"detected stalls on", Interrupt},                                   // INFO: rcu_sched detected stalls on CPUs/tasks:
	{"blocked for more than", Interrupt},                                // INFO: task sh:1 blocked for more than 120 seconds.
	{"BUG: KASAN: ", Interrupt},                                         // BUG: KASAN: slab-use-after-free in c_uaf+0x28/0x60 [crashme]
	{"Kernel panic - not syncing", Interrupt},                           // Kernel panic - not syncing: crashme asked for a panic (17)
}

// head looks for the line that opens a crash.
func (f *Fault) head(line string) {
	for _, h := range heads {
		i := strings.Index(line, h.mark)
		if i < 0 {
			continue
		}
		rest := line[i+len(h.mark):]
		if h.kind == Warning && warnedAt(rest) == "" {
			continue // lockdep and others begin their reports with the same word
		}
		f.Kind = h.kind
		switch h.kind {
		case PageFault:
			f.address(rest)
		case GeneralProtection:
			f.address(rest)
			f.oopsCode(rest)
		case Bug:
			f.Detail, _, _ = strings.Cut(rest, "!")
			if strings.HasPrefix(f.Detail, "[") {
				f.Detail = ""
			}
		case Warning:
			f.Detail = warnedAt(rest)
		case CFI, StackProtector:
			f.Detail, _, _ = strings.Cut(rest, " ")
		case Sanitizer:
			f.Detail, _, _ = strings.Cut("KFENCE: "+rest, " in ")
		case ControlProtection:
			f.Detail = "indirect jump or call to " + rest + ", which has no endbr64"
		}
		return
	}
}

// more adds what the lines behind a head say.
func (f *Fault) more(line string) {
	switch {
	case f.Kind == PageFault && strings.HasPrefix(line, "#PF: error_code("):
		f.hexCode(strings.TrimPrefix(line, "#PF: error_code("))
	case f.Kind == PageFault && strings.HasPrefix(line, "Oops: "):
		f.oopsCode(line)
	case f.Kind == InvalidOpcode && strings.Contains(line, "kernel BUG at "):
		f.Kind = Unknown
		f.head(line)
	}
}

// address takes the number behind the last word that introduces one.
// Sample: , address: 0000000000000010
// Sample:  at virtual address 0000000000000010
// Sample:  at           (null)
// Sample: , probably for non-canonical address 0xdead000000000110: 0000 [#1]
func (f *Fault) address(rest string) {
	for _, word := range []string{"address: ", "address ", " at "} {
		_, after, ok := strings.Cut(rest, word)
		if !ok {
			continue
		}
		after = strings.TrimLeft(after, " ")
		if word == " at " && strings.HasPrefix(after, "(null)") {
			f.HasAddr = true
			return
		}
		after = strings.TrimPrefix(after, "0x")
		n := 0
		for n < len(after) && isHex(after[n]) {
			n++
		}
		v, err := strconv.ParseUint(after[:n], 16, 64)
		if err == nil {
			f.Addr, f.HasAddr = v, true
			return
		}
	}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// hexCode takes the error code of a page fault.
// Sample: 0x0002) - not-present page
func (f *Fault) hexCode(rest string) {
	rest, _, _ = strings.Cut(strings.TrimPrefix(rest, "0x"), ")")
	if v, err := strconv.ParseUint(rest, 16, 32); err == nil {
		f.Error, f.HasCode = v, true
	}
}

// oopsCode takes the error code before the counter of oopses.
// Sample: Oops: 0002 [#1] SMP
// Sample: Oops: Oops: 0002 [#1] SMP
func (f *Fault) oopsCode(line string) {
	before, _, ok := strings.Cut(line, " [#")
	if !ok || len(before) < 4 || f.HasCode {
		return
	}
	if v, err := strconv.ParseUint(before[len(before)-4:], 16, 16); err == nil {
		f.Error, f.HasCode = v, true
	}
}

// warnedAt is the place of a warning.
// Sample: CPU: 0 PID: 1 at kernel/fork.c:12 copy_process+0x1/0x2
// Sample: kernel/fork.c:12 at copy_process+0x1/0x2, CPU#0: sh/1
func warnedAt(rest string) string {
	if _, after, ok := strings.Cut(rest, " at "); ok && strings.HasPrefix(rest, "CPU: ") {
		rest = after
	}
	place, _, _ := strings.Cut(rest, " ")
	if !strings.Contains(place, ":") {
		return ""
	}
	return place
}
