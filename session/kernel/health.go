package kernel

import (
	"context"
	"errors"
)

// Health is what the kernel remembers of crashes.
type Health struct {
	Panicked bool   // a CPU is or was in panic()
	PanicCPU int    // which one, if Panicked
	Dies     int    // oopses so far
	InOops   bool   // an oops is being printed
	Warnings int    // WARNs so far, since 6.2
	Taint    uint64 // tainted_mask
	// Unknown lists counters this kernel does not have.
	Unknown []string
}

// Crashed reports whether there has been an oops or a panic.
func (h Health) Crashed() bool { return h.Panicked || h.Dies > 0 || h.InOops }

// Health reads whether the kernel has crashed already.
// Errors: read errors; what could be read is returned too.
func (k *Kernel) Health(ctx context.Context) (Health, error) {
	m := k.memory(ctx)
	var h Health
	var errs []error
	read := func(name string, size int, set func(v uint64)) {
		v, ok, err := k.word(m, name, size)
		switch {
		case err != nil:
			errs = append(errs, err)
		case !ok:
			h.Unknown = append(h.Unknown, name)
		default:
			set(v)
		}
	}
	read("panic_cpu", 4, func(v uint64) {
		h.PanicCPU = int(int32(v))
		h.Panicked = h.PanicCPU != panicCPUInvalid
	})
	read("die_counter", 4, func(v uint64) { h.Dies = int(int32(v)) })
	read("oops_in_progress", 4, func(v uint64) { h.InOops = int32(v) != 0 })
	read("warn_count", 4, func(v uint64) { h.Warnings = int(int32(v)) })
	read("tainted_mask", 8, func(v uint64) { h.Taint = v })
	return h, errors.Join(errs...)
}

// panicCPUInvalid is PANIC_CPU_INVALID.
const panicCPUInvalid = -1
