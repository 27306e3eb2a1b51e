package kernel

import (
	"context"
	"errors"
	"fmt"
)

// maxLog bounds what is read of a log: text, and descriptors.
const maxLog = 256 << 20

// ErrUnfinished says that a CPU was stopped while it wrote to the log, and others
// have written since: the record it was writing is missing among theirs.
var ErrUnfinished = errors.New("unfinished record in the log")

// LogOptions choose part of the log; nil means all of it.
type LogOptions struct {
	From uint64 // sequence number of the first record wanted
}

// Log reads the kernel's log buffer, oldest record first.
// Errors: wraps [ErrUnfinished], *[CorruptError] or a read error; the records
// that could be read are returned too.
func (k *Kernel) Log(ctx context.Context) ([]Record, error) { return k.LogFrom(ctx, nil) }

// LogFrom is [Kernel.Log] for part of the log.
func (k *Kernel) LogFrom(ctx context.Context, o *LogOptions) ([]Record, error) {
	if o == nil {
		o = &LogOptions{}
	}
	m := k.memory(ctx)
	var records []Record
	var err error
	if at, ok := k.Symbol("prb"); ok {
		records, err = readRing(m, k.layouts, at, o.From)
	} else {
		records, err = k.readLogBuf(m, o.From)
	}
	if err != nil {
		err = fmt.Errorf("read kernel log: %w", err)
	}
	return records, err
}
