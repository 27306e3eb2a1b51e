package kernel

import (
	"context"
	"errors"

	"ktrap/session/target"
	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// Identity is what a running kernel says of itself.
type Identity struct {
	BuildID string // hexadecimal; "" if it was not found
	Banner  string // "" if it was not found
}

// Identify tells which kernel runs where there is no vmlinux to compare it with.
// It searches the kernel image, which takes longer than [Attach].
// Errors: wraps [ErrNotBooted], or says why memory cannot be read.
func Identify(ctx context.Context, t *target.Target) (Identity, error) {
	t.SetKernelRoot(0) // that of a kernel before a reboot may still lie in memory
	if err := booted(ctx, t); err != nil {
		return Identity{}, err
	}
	f := finder{image: noImage{}, mem: t.Memory(ctx), mapped: mappedBy(ctx, t)}
	return f.identify()
}

func (f *finder) identify() (Identity, error) {
	text, err := f.firstMapped()
	if err != nil {
		return Identity{}, err
	}
	if text == 0 {
		return Identity{}, ErrNotBooted
	}
	k, err := f.other(text, 0)
	return Identity{k.buildID, k.banner}, err
}

// noImage is a vmlinux that nothing is known of.
type noImage struct{}

func (noImage) Path() string                         { return "" }
func (noImage) BuildID() string                      { return "" }
func (noImage) Banner() string                       { return "" }
func (noImage) Symbol(string) (symbols.Symbol, bool) { return symbols.Symbol{}, false }

// mappedBy asks the page tables of a target.
func mappedBy(ctx context.Context, t *target.Target) func(addr.Addr) (bool, error) {
	return func(a addr.Addr) (bool, error) {
		_, err := t.Translate(ctx, a)
		if _, fault := errors.AsType[*target.FaultError](err); fault {
			return false, nil
		}
		return err == nil, err
	}
}
