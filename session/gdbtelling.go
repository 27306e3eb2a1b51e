package session

import (
	"slices"

	"ktrap/rsp"
	"ktrap/session/target"
)

// lastStop is why the guest stands, with what tells who was stopped.
type lastStop struct {
	Stop
	count   uint64         // its number
	stepped []rsp.ThreadID // the CPUs that went on by one instruction only
}

// ofStep reports whether it may be the end of a CPU's step.
func (s *lastStop) ofStep(c target.CPU) bool { return slices.Contains(s.stepped, c.Thread) }

// lastStop is for holders of the lease.
// Errors: rsp.ErrClosed after the loop's end.
func (v *Stopped) lastStop() (stop lastStop, err error) {
	err = v.call(func() { stop = lastStop{v.stopped, v.stopCount, v.stepped} })
	return stop, err
}

// telling is a stop on its way to a gdb, with what the loop knows of both.
type telling struct {
	stop      lastStop
	was       place // where gdb believed the guest to stand
	byCPU     bool
	lldb      bool
	owned     bool // gdb has a breakpoint there
	described bool
}

// telling is for a turn of the loop.
func (g *gdbClient) telling() telling {
	s := g.s
	return telling{
		stop: lastStop{s.stopped, s.stopCount, s.stepped}, was: g.at, byCPU: g.byCPU, lldb: g.lldb,
		owned: s.machine.Points.Owned(s.stopped.PC, g.owner), described: g.described,
	}
}

// telling is for holders of the lease.
// Errors: rsp.ErrClosed after the loop's end.
func (v *Stopped) telling(g *gdbClient) (t telling, err error) {
	err = v.call(func() { t = g.telling() })
	return t, err
}
