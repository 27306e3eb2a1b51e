package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
	"ktrap/session/machine"
	"ktrap/symbols/addr"
)

// ramGuest is a guest whose RAM lies in this very process, as it does in QEMU,
// and who sees all of it at directMap.
type ramGuest struct {
	*rsptest.Machine
	ram   []byte
	asked atomic.Int64 // reads of the stub
}

const directMap addr.Addr = 0xffff888000000000

func newRAMGuest(t *testing.T) *ramGuest {
	t.Helper()
	g := &ramGuest{ram: make([]byte, 4<<20)}
	skip := -int(hostAddress(g.ram)) & 4095
	g.ram = g.ram[skip : skip+3<<20] // whole pages
	for i := range g.ram {
		g.ram[i] = byte(i>>12) ^ byte(i)
	}
	clear(g.ram[0x1000:0x3000])
	binary.LittleEndian.PutUint64(g.ram[0x1000+273*8:], 0x2003) // the 512 GiB of directMap
	binary.LittleEndian.PutUint64(g.ram[0x2000:], 0x83)         // of which the first is one large page
	regs := rsptest.NewRegs()
	for name, v := range map[string]uint64{"cr0": 1 << 31, "efer": 1 << 10, "cr3": 0x1000, "cs": 0x10} {
		rsptest.PutReg(regs, name, v)
	}
	g.Machine = &rsptest.Machine{
		CPUs: []rsptest.CPU{{Regs: regs}},
		Mem:  []rsptest.Segment{{Addr: uint64(directMap), Data: g.ram}},
		Phys: []rsptest.Segment{{Data: g.ram}},
		Override: func(_ *rsptest.Machine, body string) (string, bool) {
			if body[0] == 'm' {
				g.asked.Add(1)
			}
			return "", false
		},
		Monitor: func(command string) string {
			var pa uint64
			switch _, err := fmt.Sscanf(command, "gpa2hva 0x%x", &pa); {
			case err == nil:
				return fmt.Sprintf("Host virtual address for %#x (pc.ram) is %#x\r\n", pa, hostAddress(g.ram)+pa)
			case command == "info mtree -f":
				return fmt.Sprintf("FlatView #0\r\n AS \"memory\", root: system\r\n AS \"cpu-memory-0\", root: system\r\n"+
					"  0000000000000000-%016x (prio 0, ram): pc.ram\r\n", len(g.ram)-1)
			case command == "info kvm":
				return "kvm support: enabled\r\n"
			}
			return ""
		},
	}
	return g
}

func hostAddress(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

func (g *ramGuest) options(t *testing.T) *Options {
	return &Options{Stub: rsptest.ListenUnix(t, g.Handle), Listen: "localhost:0", NoTraps: true}
}

func TestGDBReadsRAMStraightFromTheProcessBehindTheStub(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(o *Options)
		says   string
		direct bool
	}{
		"by itself":                 {func(*Options) {}, "straight from QEMU", true},
		"not when told so":          {func(o *Options) { o.NoDirectRAM = true }, "through the stub", false},
		"not while recording":       {func(o *Options) { o.Record = rsp.NewRecorder(io.Discard) }, "through the stub", false},
		"not from what is not seen": {func(o *Options) { o.proc = "/nowhere" }, "through the stub: open /nowhere", false},
	} {
		t.Run(name, func(t *testing.T) {
			guest := newRAMGuest(t)
			o := guest.options(t)
			tt.change(o)
			err := Run(t.Context(), o, func(ctx context.Context, s *Session) error {
				c, _ := joinAsGDB(ctx, t, s)
				before := guest.asked.Load()
				const n = 2 << 20
				got := make([]byte, n)
				if err := c.ReadMemory(ctx, rsp.AnyThread, uint64(directMap)+5, got); err != nil || !bytes.Equal(got, guest.ram[5:5+n]) {
					t.Errorf("memory differs, error %v", err)
				}
				asked := guest.asked.Load() - before
				if few := asked < n/4096/2; few != tt.direct || !strings.HasPrefix(s.Target.DirectRAM(), tt.says) {
					t.Errorf("the stub was asked %d times; read %s", asked, s.Target.DirectRAM())
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUnderKVMDirectReadsHideKtrapsOwnBreakpoints(t *testing.T) {
	guest := newRAMGuest(t)
	const at = 0x12345
	err := Run(t.Context(), guest.options(t), func(ctx context.Context, s *Session) error {
		return s.Do(ctx, func(ctx context.Context, v *Stopped) error {
			if err := v.Insert(ctx, code(directMap+at), machine.User); err != nil {
				return err
			}
			kept := guest.ram[at]
			guest.ram[at], guest.ram[at+1] = int3, int3 // the second is the guest's own
			p := make([]byte, 1<<20)
			cpu, err := v.StopCPU(ctx)
			if err != nil {
				return err
			}
			if err := v.readAs(ctx, place{cpu: cpu, runs: true}, p, directMap); err != nil {
				return err
			}
			if p[at] != kept || p[at+1] != int3 || !strings.Contains(v.Target.DirectRAM(), "straight") {
				t.Errorf("reads % x, want %02x %02x; read %s", p[at:at+2], kept, int3, v.Target.DirectRAM())
			}
			guest.ram[at] = kept
			return v.Remove(ctx, code(directMap+at), machine.User)
		})
	})
	if err != nil {
		t.Error(err)
	}
}
