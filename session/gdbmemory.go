package session

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"ktrap/rsp"
	"ktrap/session/hostram"
	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// hostRAM is the process behind the stub, if guest RAM may be read out of its
// memory; nil if not.
func (s *Session) hostRAM(conn io.ReadWriteCloser) *hostram.Process {
	if s.opts.NoDirectRAM || s.opts.Record != nil {
		return nil
	}
	return hostram.Behind(conn, cmp.Or(s.opts.proc, "/proc"))
}

// memory answers m, x, M and X. An LLDB that means something else by x asks for no bytes
// first, and takes only OK for a yes.
func (g *gdbClient) memory(ctx context.Context, p string, now *moment) {
	if p[0] == 'm' || p[0] == 'x' {
		g.readMemory(ctx, p, now)
		return
	}
	a, data, err := parseWrite(p)
	if err != nil {
		g.reply([]byte("E22"))
		return
	}
	err = g.lookAt(ctx, now.sees, now, func(ctx context.Context, v *Stopped, at place) error {
		if len(data) == 0 {
			return nil // gdb asks whether X is known
		}
		defer v.Target.Invalidate()
		return v.writeAs(ctx, at, a, data)
	})
	if err != nil {
		g.reply(memoryError(err))
		return
	}
	g.reply([]byte("OK"))
}

// longestRead bounds one read of gdb's; it asks for half a packet at most.
const longestRead = 1 << 20

func (g *gdbClient) readMemory(ctx context.Context, p string, now *moment) {
	a, n, err := parseRange(p[1:])
	if err != nil || n > longestRead {
		g.reply([]byte("E22"))
		return
	}
	reply := make([]byte, 1+n)
	reply[0] = 'b' // of x, before the bytes
	data := reply[1:]
	err = g.lookAt(ctx, now.sees, now, func(ctx context.Context, v *Stopped, at place) error { return v.readAs(ctx, at, data, a) })
	switch {
	case err != nil:
		g.reply(readError(err))
	case p[0] == 'x':
		g.reply(reply)
	default:
		g.replied(g.server.SendMemory(data))
	}
}

// memoryError is what gdb gets: a fault is EFAULT, whoever found it.
func memoryError(err error) []byte {
	if _, fault := errors.AsType[*target.FaultError](err); fault {
		return []byte("E0e")
	}
	return errorReply(nil, err)
}

// readError is that of a read, of which gdb 13 takes no text.
func readError(err error) []byte {
	if errors.Is(err, rsp.ErrRunning) {
		return []byte("E0e")
	}
	return memoryError(err)
}

// readAs reads memory as a thread sees it: through a CPU what that can see, and
// no more than was asked for, as there may be a device; else where the kernel's own page
// tables say; else, if gdb has moved per-CPU data together with the kernel, where
// the thread's CPU has its own.
func (v *Stopped) readAs(ctx context.Context, at place, p []byte, a addr.Addr) error {
	a = v.imagePerCPU(ctx, at, a)
	if !at.runs && !at.crash && !a.Kernel() {
		err := v.readUserOf(ctx, at, p, a)
		return v.unslid(ctx, at, a, err, func(a addr.Addr) error { return v.Target.Memory(ctx).ReadMemory(p, a) })
	}
	if v.onStackOf(at, a, len(p)) { // read as a whole, with what gdb asks for next
		return v.Target.Memory(ctx).ReadMemory(p, a)
	}
	err := v.Target.ReadAs(ctx, at.cpu, p, a)
	if err == nil {
		v.hidden.show(p, a)
		return nil
	}
	if _, said := errors.AsType[*rsp.Error](err); !said {
		return err
	}
	if a.Kernel() {
		err = v.Target.Memory(ctx).ReadMemory(p, a)
	}
	return v.unslid(ctx, at, a, err, func(a addr.Addr) error { return v.Target.Memory(ctx).ReadMemory(p, a) })
}

// onStackOf reports whether a range lies on the kernel stack of a task that does
// not run.
func (v *Stopped) onStackOf(at place, a addr.Addr, n int) bool {
	if at.runs || at.crash || at.task.Stack == 0 || v.World == nil {
		return false
	}
	size, err := v.World.Kernel.ThreadSize()
	return err == nil && a >= at.task.Stack && a+addr.Addr(n) <= at.task.Stack+size
}

func (v *Stopped) readUserOf(ctx context.Context, at place, p []byte, a addr.Addr) error {
	if v.World == nil {
		return &target.FaultError{Addr: a}
	}
	mem, err := v.World.Kernel.TaskMemory(ctx, at.task)
	if err != nil {
		return err
	}
	return mem.ReadMemory(p, a)
}

// unslid tries f again at the per-CPU data that a, where there is no memory, may
// stand for.
func (v *Stopped) unslid(ctx context.Context, at place, a addr.Addr, err error, f func(addr.Addr) error) error {
	if err == nil || v.World == nil {
		return err
	}
	if real, ok := v.World.Kernel.SlidPerCPU(ctx, a, v.cpuNumber(ctx, at)); ok {
		return f(real)
	}
	return err
}

// imagePerCPU turns the address of a per-CPU variable in the kernel's image into that
// of the copy of the thread's CPU; others stay.
func (v *Stopped) imagePerCPU(ctx context.Context, at place, a addr.Addr) addr.Addr {
	if v.World == nil || !v.World.Kernel.InImagePerCPU(a) {
		return a
	}
	if real, ok := v.World.Kernel.ImagePerCPU(ctx, a, v.cpuNumber(ctx, at)); ok {
		return real
	}
	return a
}

// cpuNumber is the kernel's number of the CPU that a thread runs on.
func (v *Stopped) cpuNumber(ctx context.Context, at place) int {
	if n, err := v.World.Kernel.CPUNumber(ctx, at.cpu); err == nil {
		return n
	}
	return at.cpu.Index
}

// writeAs writes memory as a thread sees it.
func (v *Stopped) writeAs(ctx context.Context, at place, a addr.Addr, data []byte) error {
	if !at.runs && !at.crash && !a.Kernel() {
		return errors.New("memory of a process that does not run cannot be written")
	}
	a = v.imagePerCPU(ctx, at, a)
	err := v.Target.WriteMemory(ctx, at.cpu, a, data)
	if _, said := errors.AsType[*rsp.Error](err); !said {
		return err
	}
	return v.unslid(ctx, at, a, err, func(a addr.Addr) error { return v.Target.WriteMemory(ctx, at.cpu, a, data) })
}

// parseRange reads ADDR,LENGTH.
func parseRange(text string) (addr.Addr, int, error) {
	at, size, ok := strings.Cut(text, ",")
	a, err := strconv.ParseUint(at, 16, 64)
	n, err2 := strconv.ParseUint(size, 16, 31)
	if !ok || err != nil || err2 != nil {
		return 0, 0, fmt.Errorf("parse range %q: want ADDR,LENGTH", text)
	}
	return addr.Addr(a), int(n), nil
}

// parseWrite reads MADDR,LENGTH:HEX and XADDR,LENGTH:BYTES, whose bytes the
// reader has unescaped.
func parseWrite(p string) (addr.Addr, []byte, error) {
	head, data, ok := strings.Cut(p[1:], ":")
	a, n, err := parseRange(head)
	if !ok || err != nil {
		return 0, nil, fmt.Errorf("parse write %.40q: want ADDR,LENGTH:DATA", p)
	}
	raw := []byte(data)
	if p[0] == 'M' {
		if raw, err = hex.DecodeString(data); err != nil {
			return 0, nil, fmt.Errorf("parse write: %w", err)
		}
	}
	if len(raw) != n {
		return 0, nil, fmt.Errorf("parse write: %d bytes instead of %d", len(raw), n)
	}
	return a, raw, nil
}
