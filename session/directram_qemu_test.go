//go:build qemu

package session_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"ktrap/session"
	"ktrap/session/guest"
	"ktrap/session/target"
	"ktrap/session/vm"
	"ktrap/symbols/addr"
)

// ramLayouts are machines whose RAM lies in different places of QEMU's memory.
var ramLayouts = []struct {
	name   string
	change func(o *vm.Options)
	pieces []span // of physical memory, RAM and other
}{
	{"q35 with 512 MiB", func(o *vm.Options) { o.Machine = "q35" }, []span{{0, 0xa0000}, {1 << 20, 512 << 20}}},
	{"pc with RAM on both sides of the hole", func(o *vm.Options) { o.Mem = "5G" },
		[]span{{0, 0xa0000}, {1 << 20, 3 << 30}, {3<<30 - 1<<20, 3<<30 + 1<<20}, {4 << 30, 6 << 30}, {6<<30 - 1<<20, 6<<30 + 1<<20}}},
	{"q35 with two NUMA nodes in files and memory", func(o *vm.Options) {
		o.Machine, o.Mem = "q35", "5G"
		o.Extra = append(o.Extra, "-object", "memory-backend-memfd,id=n0,size=3G,share=on", "-object", "memory-backend-ram,id=n1,size=2G",
			"-numa", "node,nodeid=0,memdev=n0", "-numa", "node,nodeid=1,memdev=n1")
	}, []span{{0, 0xa0000}, {1 << 20, 2 << 30}, {2<<30 - 1<<20, 2<<30 + 1<<20}, {4 << 30, 7 << 30}, {5<<30 - 1<<20, 5<<30 + 1<<20}}},
}

// span is a range of addresses, its end excluded.
type span struct{ start, end uint64 }

func (s span) random() uint64 { return s.start + rand.Uint64N(s.end-s.start) }

// rom is the firmware, at both of its places.
var rom = []span{{0xf0000, 0x100000}, {0xfffe0000, 0x100000000 - 512}}

func TestDirectRAMIsWhatTheStubShows(t *testing.T) {
	for _, l := range ramLayouts {
		t.Run(l.name, func(t *testing.T) {
			m := boot(t, "6.1", l.change)
			o := m.options(t)
			said := heard(o)
			run(t, o, func(ctx context.Context, s *session.Session) {
				g := m.login(ctx, t, s)
				busy(ctx, t, g, func() {
					for range 3 { // different stops
						sameRAM(ctx, t, s, append(l.pieces, rom...))
					}
				})
				began := m.Console().Offset()
				if err := m.QMP().Do(ctx, "system_reset", nil, nil); err != nil {
					t.Fatal(err)
				}
				said.wait(ctx, t, session.GuestDown, "")
				if _, err := m.Console().WaitFor(ctx, began, "guest is ready"); err != nil {
					t.Fatal(err)
				}
				sameRAM(ctx, t, s, append(l.pieces, rom...))
			})
			o = m.options(t)
			o.HideProcesses(t.TempDir())
			run(t, o, func(ctx context.Context, s *session.Session) {
				err := s.Quiesced(ctx, func(ctx context.Context, v *session.Stopped) error {
					p := make([]byte, 1<<20)
					if err := v.Target.ReadPhysical(ctx, p, 16<<20); err != nil {
						t.Errorf("a process that cannot be read: %v", err)
					}
					if !strings.HasPrefix(v.Target.DirectRAM(), "through the stub: open ") {
						t.Errorf("RAM is read %s", v.Target.DirectRAM())
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// busy keeps CPUs in user mode for the length of f.
func busy(ctx context.Context, t *testing.T, g *guest.Guest, f func()) {
	t.Helper()
	if err := g.Run(ctx, "(while :; do :; done) >/dev/null 2>&1 </dev/null & echo $! >/tmp/busy", nil); err != nil {
		t.Fatal(err)
	}
	f()
	if err := g.Run(ctx, "kill $(cat /tmp/busy)", nil); err != nil {
		t.Error(err)
	}
}

// sameRAM compares thousands of reads with those of the stub, during one stop.
func sameRAM(ctx context.Context, t *testing.T, s *session.Session, physical []span) {
	t.Helper()
	err := s.Quiesced(ctx, func(ctx context.Context, v *session.Stopped) error {
		cpus, err := v.Target.CPUs(ctx)
		if err != nil {
			return err
		}
		if err := v.Target.Memory(ctx).ReadMemory(make([]byte, 1<<20), start(t, v, "_text")); err != nil {
			return err
		}
		if !strings.HasPrefix(v.Target.DirectRAM(), "straight from QEMU") {
			t.Errorf("RAM is read %s", v.Target.DirectRAM())
		}
		compared := 0
		same := func(what string, at uint64, direct, stub func(p []byte) error) {
			compared++
			n := 1 + rand.IntN(512)
			ours, theirs := make([]byte, n), make([]byte, n)
			err, stubErr := direct(ours), stub(theirs)
			if (err == nil) != (stubErr == nil) || err == nil && !bytes.Equal(ours, theirs) {
				t.Errorf("%s %#x, %d bytes: %.64x (%v), the stub shows %.64x (%v)", what, at, n, ours, err, theirs, stubErr)
			}
		}
		for _, where := range physical {
			for range 200 {
				pa := where.random()
				same("physical", pa,
					func(p []byte) error { return v.Target.ReadPhysical(ctx, p, pa) },
					func(p []byte) error { return v.StubPhysical(ctx, p, pa) })
			}
		}
		for _, c := range cpus {
			for what, where := range virtualSpans(ctx, t, v, c, physical) {
				for range 60 {
					a := addr.Addr(where.random())
					same(what, uint64(a),
						func(p []byte) error { return v.Target.ReadAs(ctx, c, p, a) },
						func(p []byte) error { return v.StubMemory(ctx, c, p, a) })
				}
			}
		}
		return sameBulk(ctx, t, v, cpus[0], compared)
	})
	if err != nil {
		t.Error(err)
	}
}

// virtualSpans are addresses that a CPU may see.
func virtualSpans(ctx context.Context, t *testing.T, v *session.Stopped, c target.CPU, physical []span) map[string]span {
	t.Helper()
	regs, err := v.Target.Regs(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	var direct [8]byte
	if err := v.Target.Memory(ctx).ReadMemory(direct[:], start(t, v, "page_offset_base")); err != nil {
		t.Fatal(err)
	}
	base := binary.LittleEndian.Uint64(direct[:])
	spans := map[string]span{
		"kernel text and data": {uint64(start(t, v, "_text")), uint64(start(t, v, "_end"))},
		"around the kernel":    {uint64(start(t, v, "_text")) - 64<<20, uint64(start(t, v, "_end")) + 64<<20},
		"user half":            {0x400000, 1 << 47},
		"not canonical":        {1 << 48, 1 << 60},
		"tables of IDT":        {0xfffffe0000000000, 0xfffffe0000001000},
	}
	for i, p := range physical[:len(physical)-len(rom)] {
		spans[fmt.Sprintf("direct map of piece %d", i)] = span{base + p.start, base + p.end}
	}
	for _, name := range []string{"rip", "rsp", "fs_base", "gs_base"} {
		if at, ok := regs.Get(name); ok && at > 4096 && at < ^uint64(0)-16384 {
			spans["near "+name] = span{at &^ 4095, at&^4095 + 8192}
		}
	}
	for _, mod := range v.World.Symbols.Modules() {
		if len(mod.Text) > 0 {
			spans["module "+mod.Name] = span{uint64(mod.Text[0].Start), uint64(mod.Text[0].End)}
			break
		}
	}
	return spans
}

// sameBulk compares a long read.
func sameBulk(ctx context.Context, t *testing.T, v *session.Stopped, c target.CPU, compared int) error {
	ours, theirs := make([]byte, 8<<20), make([]byte, 8<<20)
	at := start(t, v, "_text")
	if err := v.Target.Memory(ctx).ReadMemory(ours, at); err != nil {
		return err
	}
	if err := v.StubMemory(ctx, c, theirs, at); err != nil || !bytes.Equal(ours, theirs) {
		t.Errorf("8 MiB of kernel differ (%v)", err)
	}
	if compared < 1500 {
		t.Errorf("only %d reads were compared", compared)
	}
	t.Logf("%d reads compared; RAM is read %s", compared, v.Target.DirectRAM())
	return nil
}

func start(t *testing.T, v *session.Stopped, name string) addr.Addr {
	t.Helper()
	a, ok := v.World.Kernel.Symbol(name)
	if !ok {
		t.Fatalf("no symbol %s", name)
	}
	return a
}
