//go:build qemu

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ktrap/session/lab"
	"ktrap/session/vm"
)

// BenchmarkAttach measures whole processes from start to end: ktrap until its
// traps are armed and it has left again, and gdb until it has read its symbols
// and left. Both attach to the same guest, in turn.
func BenchmarkAttach(b *testing.B) {
	l, err := lab.Open(nil)
	if err != nil {
		b.Fatal(err)
	}
	k, err := l.Prepare(b.Context(), lab.DefaultSeries, nil)
	if err != nil {
		b.Fatal(err)
	}
	v, err := vm.Start(b.Context(), k.VMOptions())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { v.Close() })
	g, err := k.WaitReady(b.Context(), v, nil)
	if err != nil {
		b.Fatal(err)
	}
	g.Close()
	vmlinux, err := k.Path("vmlinux")
	if err != nil {
		b.Fatal(err)
	}
	ktrap := filepath.Join(b.TempDir(), "ktrap")
	if out, err := exec.Command("go", "build", "-o", ktrap, ".").CombinedOutput(); err != nil {
		b.Fatalf("build ktrap: %v\n%s", err, out)
	}
	b.Run("ktrap", func(b *testing.B) {
		process(b, ktrap, "attach", "--stub", v.GDBAddr(), "--listen", "", "--report-dir", "", "-e", "quit", vmlinux)
	})
	b.Run("ktrap-version", func(b *testing.B) { process(b, ktrap, "version") })
	b.Run("gdb", func(b *testing.B) {
		process(b, "gdb", "-nx", "-batch", "-ex", "target remote "+v.GDBAddr(), "-ex", "detach", vmlinux)
	})
}

// process times runs of a command and reports their median.
func process(b *testing.B, name string, args ...string) {
	var took []time.Duration
	for b.Loop() {
		cmd := exec.CommandContext(context.WithoutCancel(b.Context()), name, args...)
		cmd.Env = append(os.Environ(), "NO_COLOR=1")
		began := time.Now()
		out, err := cmd.CombinedOutput()
		took = append(took, time.Since(began))
		if err != nil {
			b.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
}
