//go:build qemu

package session

import (
	"context"

	"ktrap/rsp"
	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// HideProcesses keeps a session from finding the kernels and the memory of QEMUs
// on this host.
func (o *Options) HideProcesses(empty string) { o.proc = empty }

// StubMemory reads as the stub shows a CPU's memory, past everything of ktrap's.
func (v *Stopped) StubMemory(ctx context.Context, c target.CPU, p []byte, a addr.Addr) error {
	return v.client.ReadMemory(ctx, c.Thread, uint64(a), p)
}

// StubPhysical is StubMemory for physical memory.
func (v *Stopped) StubPhysical(ctx context.Context, p []byte, pa uint64) error {
	return v.client.Atomically(ctx, func(b *rsp.Batch) error {
		if err := b.SetPhysMem(ctx, true); err != nil {
			return err
		}
		return b.ReadMemory(ctx, rsp.AnyThread, pa, p)
	})
}
