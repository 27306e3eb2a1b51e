package rsp

import "context"

// Commands are the requests that both a [Client] and a [Batch] offer.
type Commands struct{}

// Do sends a request about thread t and returns the raw reply. Hg precedes it
// when t is not AnyThread and differs from the stub's selection.
// Errors: *Error for E NN, ErrUnsupported for the empty reply, ErrRunning,
// ErrRefused, ErrClosed, or that of ctx; a reply that comes after ctx ended is
// dropped when it comes, and the next request gets its own.
func (c *Commands) Do(ctx context.Context, t ThreadID, body []byte) ([]byte, error) {
	return nil, errTODO
}

// Go is Do without waiting. deliver is called exactly once: on the goroutine
// of Run, or, if the request cannot be queued at all, before Go returns. The
// reply belongs to deliver.
func (c *Commands) Go(t ThreadID, body []byte, deliver func([]byte, error)) { deliver(nil, errTODO) }

// ReadRegisters returns the g reply of thread t, decoded. unknown registers
// ("xx") read as zero.
func (c *Commands) ReadRegisters(ctx context.Context, t ThreadID) ([]byte, error) {
	return nil, errTODO
}

// ReadRegister returns register n of thread t, in target byte order.
func (c *Commands) ReadRegister(ctx context.Context, t ThreadID, n int) ([]byte, error) {
	return nil, errTODO
}

// WriteRegister sets register n of thread t, in target byte order.
func (c *Commands) WriteRegister(ctx context.Context, t ThreadID, n int, raw []byte) error {
	return errTODO
}

// ReadMemory fills p from addr as thread t sees it, or fails.
func (c *Commands) ReadMemory(ctx context.Context, t ThreadID, addr uint64, p []byte) error {
	return errTODO
}

// WriteMemory writes p to addr as thread t sees it.
func (c *Commands) WriteMemory(ctx context.Context, t ThreadID, addr uint64, p []byte) error {
	return errTODO
}

// BreakKind is the number after Z and z.
type BreakKind int

// Kinds of breakpoints.
const (
	SoftwareBreak BreakKind = iota
	HardwareBreak
	WriteWatch
	ReadWatch
	AccessWatch
)

// Insert sets a breakpoint or watchpoint.
func (c *Commands) Insert(ctx context.Context, kind BreakKind, addr uint64, size int) error {
	return errTODO
}

// Remove takes a breakpoint or watchpoint away.
func (c *Commands) Remove(ctx context.Context, kind BreakKind, addr uint64, size int) error {
	return errTODO
}

// Threads lists the stub's threads.
func (c *Commands) Threads(ctx context.Context) ([]ThreadID, error) { return nil, errTODO }

// ThreadInfo returns what the stub says of a thread, "CPU#0 [running]".
func (c *Commands) ThreadInfo(ctx context.Context, t ThreadID) (string, error) { return "", errTODO }

// Monitor runs a command of the stub's own and returns its output.
func (c *Commands) Monitor(ctx context.Context, cmd string) (string, error) { return "", errTODO }

// Xfer reads a whole object by qXfer.
func (c *Commands) Xfer(ctx context.Context, object, annex string) ([]byte, error) {
	return nil, errTODO
}

// SetPhysMem makes QEMU's m and M take physical addresses, or virtual ones
// again. It holds for every user of the client; prefer Atomically.
func (c *Commands) SetPhysMem(ctx context.Context, on bool) error { return errTODO }

// Detach lets the machine run without its breakpoints.
func (c *Commands) Detach(ctx context.Context) error { return errTODO }
