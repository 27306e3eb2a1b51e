//go:build qemu

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ktrap/session"
	"ktrap/session/lab"
	"ktrap/session/vm"
	"ktrap/symbols/addr"
)

// What BenchmarkBehindGDB does how often.
const (
	controlPairs = 10 // gdb alone and gdb behind ktrap, in turn
	stepsPerPair = 20
	stopsPerPair = 10
	memoryRounds = 3
	dumpBytes    = 64 << 20
)

// directMap is where a kernel without KASLR has all physical memory.
const directMap addr.Addr = 0xffff888000000000

// BenchmarkBehindGDB compares gdb behind ktrap with the same gdb on QEMU's own
// stub, in turn on the same guest, and prints the table of docs/performance.md.
func BenchmarkBehindGDB(b *testing.B) {
	m := newGDBBench(b)
	for b.Loop() {
		m.control()
		m.memory()
	}
	fmt.Printf("\n| | gdb on QEMU | gdb behind ktrap | ktrap / gdb |\n|---|---|---|---|\n%s\n", &m.table)
}

// gdbBench is a guest without KASLR, so that gdb alone finds its symbols, and
// those who look at it.
type gdbBench struct {
	*testing.B
	guest   *vm.VM
	tap     *tap
	vmlinux string
	ktrap   string
	table   bytes.Buffer
}

func newGDBBench(b *testing.B) *gdbBench {
	l, err := lab.Open(nil)
	if err != nil {
		b.Fatal(err)
	}
	k, err := l.Prepare(b.Context(), lab.DefaultSeries, nil)
	if err != nil {
		b.Fatal(err)
	}
	o := k.VMOptions()
	o.Append, o.GDB = o.Append+" nokaslr", "tcp"
	m := &gdbBench{B: b, ktrap: filepath.Join(b.TempDir(), "ktrap")}
	if m.guest, err = vm.Start(b.Context(), o); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.guest.Close() })
	g, err := k.WaitReady(b.Context(), m.guest, nil)
	if err != nil {
		b.Fatal(err)
	}
	// Half of memory becomes random; a file is read for ever.
	for _, command := range []string{
		"dd if=/dev/urandom of=/tmp/random bs=1M count=220",
		"(while :; do cat /proc/uptime; done) >/dev/null 2>&1 </dev/null &",
	} {
		if err := g.Run(b.Context(), command, nil); err != nil {
			b.Fatal(err)
		}
	}
	g.Close()
	if m.vmlinux, err = k.Path("vmlinux"); err != nil {
		b.Fatal(err)
	}
	if out, err := benchCommand("go", "build", "-o", m.ktrap, ".").CombinedOutput(); err != nil {
		b.Fatalf("build ktrap: %v\n%s", err, out)
	}
	m.tap = newTap(b, m.guest.GDBAddr())
	return m
}

// row adds a line to the table: medians, and their ratio.
func (m *gdbBench) row(what, unit string, alone, behind []float64) {
	a, k := median(alone), median(behind)
	fmt.Fprintf(&m.table, "| %s | %.2f %s | %.2f %s | %.2f |\n", what, a, unit, k, unit, k/a)
}

func median(of []float64) float64 {
	s := slices.Sorted(slices.Values(of))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// control measures steps and stops. Both kinds of gdb talk through a tap, which
// costs each round trip the same.
func (m *gdbBench) control() {
	var step, asks, prompt [3][]float64
	for range controlPairs {
		for i, start := range []func() *benchGDB{m.alone, m.behindTap, m.behindTapWithCPUs} {
			g := start()
			g.do("break uptime_proc_show")
			g.do("continue")
			asked := m.tap.requests.Load()
			began := time.Now()
			for range stepsPerPair {
				g.do("stepi")
			}
			step[i] = append(step[i], ms(time.Since(began))/stepsPerPair)
			asks[i] = append(asks[i], float64(m.tap.requests.Load()-asked)/stepsPerPair)
			for range stopsPerPair {
				g.do("continue")
				prompt[i] = append(prompt[i], ms(time.Since(m.tap.lastStop())))
			}
			g.leave()
		}
	}
	m.row("`stepi`, wall time", "ms", step[0], step[1])
	m.row("`stepi`, requests to the stub", "", asks[0], asks[1])
	m.row("breakpoint: from QEMU's stop reply to the prompt", "ms", prompt[0], prompt[1])
	m.row("the same, `monitor ktrap threads cpus`", "ms", prompt[0], prompt[2])
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// memory measures how fast a large piece of memory is read.
func (m *gdbBench) memory() {
	from, random := m.randomPart()
	var dump, through, throughStub, self, selfStub []float64
	for range memoryRounds {
		dump = append(dump, m.dump(m.direct(), from))
		through = append(through, m.dump(m.behind("--direct-ram=on"), from))
		throughStub = append(throughStub, m.dump(m.behind("--direct-ram=off"), from))
		self = append(self, m.readItself(from, false))
		selfStub = append(selfStub, m.readItself(from, true))
	}
	fmt.Fprintf(&m.table, "| 64 MiB of memory, %.0f %% of it random: | | | |\n", 100*random)
	m.row("`dump memory`", "ms", dump, through)
	m.row("`dump memory`, `--direct-ram=off`", "ms", dump, throughStub)
	m.row("`dump memory`, beside ktrap's own read", "ms", dump, self)
	m.row("the same, `--direct-ram=off`", "ms", dump, selfStub)
}

// dump times gdb's `dump memory`.
func (m *gdbBench) dump(g *benchGDB, from addr.Addr) float64 {
	file := m.ktrap + ".dump"
	began := time.Now()
	g.do(fmt.Sprintf("dump binary memory %s %#x %#x", file, uint64(from), uint64(from)+dumpBytes))
	took := ms(time.Since(began))
	g.leave()
	if info, err := os.Stat(file); err != nil || info.Size() != dumpBytes {
		m.Fatalf("the dump: %v, %v", info, err)
	}
	return took
}

// stopped runs f in a session of this process.
func (m *gdbBench) stopped(stubOnly bool, f func(ctx context.Context, v *session.Stopped) error) {
	o := &session.Options{Stub: m.guest.GDBAddr(), Vmlinux: m.vmlinux, NoTraps: true, NoDirectRAM: stubOnly}
	err := session.Run(m.Context(), o, func(ctx context.Context, s *session.Session) error { return s.Do(ctx, f) })
	if err != nil {
		m.Fatal(err)
	}
}

// readItself times a read of ktrap's own.
func (m *gdbBench) readItself(from addr.Addr, stubOnly bool) (took float64) {
	m.stopped(stubOnly, func(ctx context.Context, v *session.Stopped) error {
		p := make([]byte, dumpBytes)
		began := time.Now()
		err := v.Target.Memory(ctx).ReadMemory(p, from)
		took = ms(time.Since(began))
		return err
	})
	return took
}

// randomPart finds the part of memory with the most random pages, and tells how
// many of all these are.
func (m *gdbBench) randomPart() (from addr.Addr, random float64) {
	const pageSize = 4096
	var full []bool // by page: no quarter of it is of one value
	m.stopped(false, func(ctx context.Context, v *session.Stopped) error {
		page := make([]byte, pageSize)
		for pa := addr.Addr(1 << 20); pa < 500<<20; pa += pageSize {
			if err := v.Target.Memory(ctx).ReadMemory(page, directMap+pa); err != nil {
				return err
			}
			full = append(full, bytes.Count(page, page[:1]) < 64 && bytes.Count(page, []byte{0}) < 64)
		}
		return nil
	})
	const window = dumpBytes / pageSize
	n, best, at := 0, -1, 0
	for i, f := range full {
		if f {
			n++
		}
		if i >= window && full[i-window] {
			n--
		}
		if i >= window-1 && n > best {
			best, at = n, i-window+1
		}
	}
	return directMap + addr.Addr(1<<20+at*pageSize), float64(best) / window
}
