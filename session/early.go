package session

import (
	"context"

	"ktrap/session/machine"
	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// Where KASLR may put an x86-64 kernel: at steps of CONFIG_PHYSICAL_ALIGN, which
// is at least this, up to the modules.
// Source: linux arch/x86/boot/compressed/kaslr.c find_random_virt_addr.
const (
	kaslrStep            = 2 << 20
	kaslrStart addr.Addr = 0xffffffff80000000
	kaslrEnd   addr.Addr = 0xffffffffc0000000
)

// startPlaces are the addresses where start_kernel of an image may come to lie.
// They are 512 at most: an image of something else has none.
func startPlaces(im *symbols.Image) (places []addr.Addr) {
	for _, f := range symbols.NewSymbolizer(im, 0, nil).Find("start_kernel") {
		if f.Start < kaslrStart || len(places) > 0 {
			continue
		}
		for at := f.Start; at < kaslrEnd; at += kaslrStep {
			places = append(places, at)
		}
	}
	return places
}

// awaitKernel has a kernel that is about to boot found when it enters
// start_kernel, by a breakpoint at every place where that may come to lie, and
// not when it is next looked for. It does so if somebody wants to know and where
// it can: with a vmlinux that was named or has been found, and not under KVM,
// where a breakpoint needs mapped memory.
func (v *Stopped) awaitKernel(ctx context.Context) {
	if v.World != nil || len(v.found) == 0 || len(v.early) > 0 || v.underKVM.Load() || v.openNamed() != nil || v.image == nil {
		return
	}
	for _, at := range startPlaces(v.image) {
		if err := v.Insert(ctx, code(at), machine.Traps); err != nil {
			v.log.Warn("wait for start_kernel", "err", err)
			return
		}
		v.early = append(v.early, at)
	}
}

// kernelStarts is called when a CPU is at one of awaitKernel's breakpoints.
func (v *Stopped) kernelStarts(ctx context.Context) {
	v.sayNoKernel(ctx, v.lookOnce(ctx))
	v.stopAwaiting(ctx)
}

// stopAwaiting takes awaitKernel's breakpoints out.
func (v *Stopped) stopAwaiting(ctx context.Context) {
	for _, at := range v.early {
		if err := v.Remove(ctx, code(at), machine.Traps); err != nil {
			v.log.Warn("stop waiting for start_kernel", "err", err)
		}
	}
	v.early = nil
}
