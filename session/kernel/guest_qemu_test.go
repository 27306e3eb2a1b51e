//go:build qemu

package kernel_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"ktrap/rsp"
	"ktrap/session/guest"
	"ktrap/session/kernel"
	"ktrap/session/lab"
	"ktrap/session/target"
	"ktrap/session/vm"
	"ktrap/symbols"
)

// live is a lab guest under test.
type live struct {
	*testing.T
	vm    *vm.VM
	lab   *lab.Kernel
	guest *guest.Guest
	image *symbols.Image
}

// boot starts a lab guest. change may alter the machine first; a paused one is
// left at its first instruction.
func boot(t *testing.T, series string, change func(*vm.Options)) *live {
	t.Helper()
	l, err := lab.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &live{T: t}
	if g.lab, err = l.Prepare(t.Context(), series, nil); err != nil {
		t.Fatalf("the tag qemu is set, so the lab must be there: %v", err)
	}
	o := g.lab.VMOptions()
	o.Dir = t.ArtifactDir()
	if change != nil {
		change(o)
	}
	if g.vm, err = vm.Start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Logf("%q", g.vm.Args())
	t.Cleanup(func() {
		if err := g.vm.Close(); err != nil {
			t.Errorf("close the VM: %v", err)
		}
	})
	g.image = g.open(series)
	if o.Paused {
		return g
	}
	if g.guest, err = g.lab.WaitReady(t.Context(), g.vm, nil); err != nil {
		t.Fatalf("%v; console:\n%s", err, g.vm.Console().Tail(4<<10))
	}
	t.Cleanup(func() { g.guest.Close() })
	return g
}

// open opens the vmlinux of a series.
func (g *live) open(series string) *symbols.Image {
	g.Helper()
	l, err := lab.Open(nil)
	if err != nil {
		g.Fatal(err)
	}
	path, err := l.Path(series, "vmlinux")
	if err != nil {
		g.Fatal(err)
	}
	im, err := symbols.Open(path, nil)
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { im.Close() })
	return im
}

// sh runs a command in the guest.
func (g *live) sh(command string) string {
	g.Helper()
	// The guest's own context: a test within this one may run it when it ends.
	out, err := g.guest.Output(g.T.Context(), command)
	if err != nil {
		g.Fatalf("%s: %v", command, err)
	}
	return string(out)
}

// stopped runs f while the guest is stopped, and lets it run again.
func (g *live) stopped(f func(ctx context.Context, t *target.Target)) {
	g.Helper()
	ctx, cancel := context.WithTimeout(g.Context(), time.Minute)
	defer cancel()
	conn, err := rsp.Dial(ctx, g.vm.GDBAddr())
	if err != nil {
		g.Fatal(err)
	}
	c := rsp.NewClient(conn, nil)
	ended := make(chan struct{})
	go func() { defer close(ended); c.Run() }()
	defer func() { c.Close(); <-ended }()
	if _, err := c.Handshake(ctx); err != nil {
		g.Fatal(err)
	}
	defer c.Detach(ctx)
	f(ctx, target.New(c, nil))
}

// attached runs f with the stopped guest's kernel.
func (g *live) attached(f func(ctx context.Context, t *target.Target, k *kernel.Kernel)) {
	g.Helper()
	g.stopped(func(ctx context.Context, t *target.Target) {
		k, err := kernel.Attach(ctx, t, g.image, nil)
		if err != nil {
			g.Fatal(err)
		}
		f(ctx, t, k)
	})
}

// eachSeries runs a test on both of Debian's kernels, the newer one with 5-level
// page tables, both with page-table isolation.
func eachSeries(t *testing.T, f func(g *live)) {
	for _, series := range []string{"6.1", "6.12"} {
		t.Run(series, func(t *testing.T) {
			f(boot(t, series, func(o *vm.Options) {
				o.Append += " pti=on"
				if series == "6.12" {
					o.CPU = "max"
				}
			}))
		})
	}
}

// lines splits the output of a command.
func lines(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }
