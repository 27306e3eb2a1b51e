package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"ktrap/session/target"
	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// ErrNotBooted says that no kernel is mapped yet: the machine was just
// started, or is in its firmware or boot loader.
var ErrNotBooted = errors.New("no kernel is mapped yet")

// MismatchError says that the running kernel is not the one of the vmlinux.
type MismatchError struct {
	Path        string // of the vmlinux
	FileID      string // its build-id
	GuestID     string // the running kernel's; "" if it was not found
	FileBanner  string
	GuestBanner string // "" if it was not found
}

// Error names both kernels and what to do.
func (e *MismatchError) Error() string {
	guest := orUnknown(e.GuestID)
	if e.GuestBanner != "" {
		guest += fmt.Sprintf(" (%q)", e.GuestBanner)
	}
	return fmt.Sprintf("%s is not the running kernel: its build-id is %s (%q), the running kernel's is %s; give the vmlinux of that kernel, or --force to go on with this one",
		e.Path, orUnknown(e.FileID), e.FileBanner, guest)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// Options configure [Attach]; nil means the defaults.
type Options struct {
	Log   *slog.Logger // discarded when nil
	Force bool         // go on with a vmlinux that does not match
}

// Attach finds the running kernel and proves that im is its vmlinux.
// Errors: wraps [ErrNotBooted], *[MismatchError], or says why memory cannot be
// read.
func Attach(ctx context.Context, t *target.Target, im *symbols.Image, o *Options) (*Kernel, error) {
	if o == nil {
		o = &Options{}
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if im.Banner() == "" {
		return nil, fmt.Errorf("%s has no linux_banner: it is no vmlinux, or stripped of its symbols", im.Path())
	}
	t.SetKernelRoot(0) // that of a kernel before a reboot may still lie in memory
	if err := booted(ctx, t); err != nil {
		return nil, err
	}
	k := newKernel(t, im, log)
	err := k.locate(ctx)
	mismatch, ok := errors.AsType[*MismatchError](err)
	if ok && o.Force {
		k.Mismatch, err = mismatch, nil
	}
	if err != nil {
		return nil, err
	}
	k.describe()
	k.findPhysBase(ctx)
	return k, nil
}

// booted fails while no CPU runs 64-bit code through page tables.
func booted(ctx context.Context, t *target.Target) error {
	cpus, err := t.CPUs(ctx)
	if err != nil {
		return err
	}
	for _, c := range cpus {
		r, err := t.Regs(ctx, c)
		if err != nil {
			return err
		}
		if r.LongMode() {
			return nil
		}
	}
	return ErrNotBooted
}

// locate tries the ways to the slide in order of cost, believing none of them:
// a candidate counts if banner and build-id lie where it says.
func (k *Kernel) locate(ctx context.Context) error {
	m := k.memory(ctx)
	f := finder{image: k.image, sections: k.sections, mem: m, mapped: mappedBy(ctx, k.target)}
	found, err := f.find()
	if err != nil {
		return err
	}
	k.Slide, k.How, k.BuildID, k.Banner = found.slide, found.how, found.buildID, found.banner
	if found.mismatch != nil {
		return found.mismatch
	}
	return nil
}

// describe splits the banner: "Linux version RELEASE (builder) (compiler) VERSION".
func (k *Kernel) describe() {
	rest, ok := strings.CutPrefix(k.Banner, "Linux version ")
	if !ok {
		return
	}
	k.Release, rest, _ = strings.Cut(rest, " ")
	if i := strings.LastIndex(rest, ") #"); i >= 0 {
		k.Version = rest[i+2:]
	}
}

// findPhysBase learns where the image lies in physical memory and gives the
// target the kernel's own page table. Without it kernel memory is still read
// through CR3.
func (k *Kernel) findPhysBase(ctx context.Context) {
	base, ok, err := k.word(k.memory(ctx), "phys_base", 8)
	if err != nil || !ok {
		k.log.Warn("phys_base is not known", "err", err)
		return
	}
	banner, _ := k.Symbol("linux_banner")
	want := []byte(k.Banner)
	got := make([]byte, len(want))
	if err := k.target.ReadPhysical(ctx, got, imagePhys(banner, base)); err != nil || string(got) != string(want) {
		k.log.Warn("phys_base does not lead to the kernel image", "phys_base", fmt.Sprintf("%#x", base), "err", err)
		return
	}
	k.PhysBase, k.PhysOK = base, true
	if top, ok := k.Symbol("init_top_pgt"); ok {
		k.target.SetKernelRoot(imagePhys(top, base))
	}
}

// imagePhys is __pa of an address in the kernel image; it wraps.
// Source: linux arch/x86/mm/physaddr.c.
func imagePhys(a addr.Addr, base uint64) uint64 { return uint64(a) - kernelImage + base }
