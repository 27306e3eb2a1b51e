package unwind

import (
	"encoding/binary"
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// inactiveRegs is struct inactive_task_frame in the order of memory.
// Source: linux arch/x86/include/asm/switch_to.h, 64-bit form, 4.9 and later;
// it is what the pushes in __switch_to_asm leave, not a layout of the compiler.
var inactiveRegs = [...]cfi.Reg{cfi.R15, cfi.R14, cfi.R13, cfi.R12, cfi.RBX, cfi.RBP, cfi.RIP}

// Inactive gives the first frame of a task that is not running, from its saved
// stack pointer (task_struct.thread.sp). fork is the address of
// ret_from_fork_asm (ret_from_fork before 6.5), where a task that never ran
// begins; zero if unknown.
// Errors: those of m.
func Inactive(m Memory, sp, fork addr.Addr) (Frame, error) {
	var b [8 * len(inactiveRegs)]byte
	if err := m.ReadMemory(b[:], sp); err != nil {
		return Frame{}, fmt.Errorf("read frame of inactive task at %v: %w", sp, err)
	}
	var f Frame
	for i, r := range inactiveRegs {
		f.Regs.Set(r, binary.LittleEndian.Uint64(b[8*i:]))
	}
	f.Regs.Set(cfi.RSP, uint64(sp)+uint64(len(b)))
	f.PC = addr.Addr(f.Regs.PC())
	f.Interrupted = fork != 0 && f.PC == fork
	return f, nil
}

// Saved gives the frame whose registers were saved as a pt_regs at an address,
// as the functions that report a fault get it as their argument.
// Errors: those of m.
func Saved(m Memory, at addr.Addr) (Frame, error) {
	var b [cfi.PtRegsSize]byte
	if err := m.ReadMemory(b[:], at); err != nil {
		return Frame{}, fmt.Errorf("read pt_regs at %v: %w", at, err)
	}
	f := Frame{Interrupted: true, Kind: cfi.FullRegs, RegsAt: at}
	for r, rule := range cfi.PtRegs() {
		f.Regs.Set(cfi.Reg(r), binary.LittleEndian.Uint64(b[rule.Off:]))
	}
	f.PC = addr.Addr(f.Regs.PC())
	f.User = b[cfi.PtRegsCS]&3 != 0
	return f, nil
}
