//go:build qemu

package kernel

import (
	"context"
	"log/slog"
	"slices"

	"ktrap/session/target"
	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// without is a vmlinux that lacks symbols.
type without struct {
	vmlinux
	names []string
}

func (w without) Symbol(name string) (symbols.Symbol, bool) {
	if slices.Contains(w.names, name) {
		return symbols.Symbol{}, false
	}
	return w.vmlinux.Symbol(name)
}

// LocateWithout looks for the kernel as Attach does, but without some symbols.
func LocateWithout(ctx context.Context, t *target.Target, im *symbols.Image, names ...string) (addr.Slide, string, error) {
	k := newKernel(t, im, slog.New(slog.DiscardHandler))
	k.image = without{k.image, names}
	err := k.locate(ctx)
	return k.Slide, k.How, err
}
