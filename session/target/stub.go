package target

import (
	"context"
	"fmt"

	"ktrap/rsp"
)

// stub is what the target needs of rsp.Client.
type stub interface {
	registerStub
	memoryStub
	Threads(ctx context.Context) ([]rsp.ThreadID, error)
	Xfer(ctx context.Context, object, annex string) ([]byte, error)
	Monitor(ctx context.Context, command string) (string, error)
}

type registerStub interface {
	ReadRegisters(ctx context.Context, t rsp.ThreadID) ([]byte, error)
	WriteRegister(ctx context.Context, t rsp.ThreadID, n int, raw []byte) error
}

type memoryStub interface {
	ReadMemory(ctx context.Context, t rsp.ThreadID, a uint64, p []byte) error
	WriteMemory(ctx context.Context, t rsp.ThreadID, a uint64, p []byte) error
	// Physical runs f while the stub's addresses are physical ones. Nobody
	// else's request comes in between, and the mode is virtual again after.
	Physical(ctx context.Context, f func(read physRead) error) error
}

// physRead reads physical memory.
type physRead func(p []byte, pa uint64) error

// clientStub gives the real client the shape of stub.
type clientStub struct{ *rsp.Client }

// Physical implements memoryStub. Atomically leaves physical mode on every way
// out, so there is nothing to put back here.
func (c clientStub) Physical(ctx context.Context, f func(read physRead) error) error {
	return c.Atomically(ctx, func(b *rsp.Batch) error {
		if err := b.SetPhysMem(ctx, true); err != nil {
			return fmt.Errorf("turn on physical reads: %w", err)
		}
		return f(func(p []byte, pa uint64) error {
			return b.ReadMemory(ctx, rsp.AnyThread, pa, p)
		})
	})
}
