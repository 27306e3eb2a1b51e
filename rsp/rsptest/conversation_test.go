package rsptest_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

// conversation is what a debugger typically does, and checks that the stub does
// its part. It decides by replies only, so that a recording of it can be replayed.
// pause waits while the machine runs.
func conversation(t *testing.T, conn io.ReadWriteCloser, rec *rsp.Recorder, pause func()) {
	t.Helper()
	stops := make(chan rsp.StopReply, 1)
	c := rsp.NewClient(conn, &rsp.ClientOptions{Record: rec, OnStop: func(s rsp.StopReply) { stops <- s },
		OnRefused: func(err error) { stops <- rsp.StopReply{}; t.Errorf("resume: %v", err) }})
	var wg sync.WaitGroup
	wg.Go(func() { c.Run() })
	defer wg.Wait()
	defer c.Close()
	d := &dialogue{t: t, c: c, stops: stops}

	f := must(c.Handshake(t.Context()))(t)
	if !f.QEMU || !f.Multiprocess || f.Stop.Kind != rsp.Stopped || len(f.TargetXML) == 0 {
		t.Errorf("features %+v", f)
	}
	cpus := must(c.Threads(t.Context()))(t)
	d.cpu = cpus[0]
	for _, id := range cpus {
		if g := must(c.ReadRegisters(t.Context(), id))(t); len(g) != 608 {
			t.Errorf("%d bytes of registers", len(g))
		}
		if info := must(c.ThreadInfo(t.Context(), id))(t); !strings.HasPrefix(info, "CPU#") {
			t.Errorf("thread %v is %q", id, info)
		}
	}
	d.resume("vCont;c")
	d.runs()
	pause()
	d.check(c.Interrupt())
	if stop := <-stops; stop.Signal != 2 {
		t.Errorf("interrupted with %+v", stop)
	}
	d.stepAndBreak()
	d.memory()
	if out := must(c.Monitor(t.Context(), "info version"))(t); !strings.HasSuffix(out, "\r\n") {
		t.Errorf("version %q", out)
	}
	if out := must(c.Monitor(t.Context(), "nonsense"))(t); !strings.Contains(out, "unknown command") {
		t.Errorf("nonsense is answered with %q", out)
	}
	d.check(c.Detach(t.Context()))
}

// dialogue is a conversation with the CPU it is about.
type dialogue struct {
	t     *testing.T
	c     *rsp.Client
	stops chan rsp.StopReply
	cpu   rsp.ThreadID
}

// must lets a call with two results fail the test in one line.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (d *dialogue) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *dialogue) resume(body string) {
	d.t.Helper()
	d.check(d.c.Resume([]byte(body)))
}

// runs requires that nothing is asked of a machine that runs until it is interrupted.
func (d *dialogue) runs() {
	d.t.Helper()
	if _, err := d.c.Do(d.t.Context(), d.cpu, []byte("g")); !errors.Is(err, rsp.ErrRunning) {
		d.t.Errorf("request while the machine runs: %v", err)
	}
}

func (d *dialogue) pc() uint64 {
	d.t.Helper()
	return binary.LittleEndian.Uint64(must(d.c.ReadRegister(d.t.Context(), d.cpu, 16))(d.t))
}

// stepAndBreak steps, and comes back to where it was by a breakpoint.
func (d *dialogue) stepAndBreak() {
	d.t.Helper()
	ctx, t := d.t.Context(), d.t
	before := d.pc()
	d.resume("vCont;s:" + d.cpu.String())
	if stop := <-d.stops; stop.Signal != 5 || stop.Thread != d.cpu {
		t.Errorf("step ended with %+v", stop)
	}
	if d.pc() == before {
		t.Errorf("step stayed at %#x", before)
	}
	d.check(d.c.Insert(ctx, rsp.HardwareBreak, before, 1))
	d.resume("vCont;c")
	stop := <-d.stops
	at := binary.LittleEndian.Uint64(must(d.c.ReadRegister(ctx, stop.Thread, 16))(t))
	if stop.Signal != 5 || at != before {
		t.Errorf("breakpoint at %#x ended in %+v at %#x", before, stop, at)
	}
	d.check(d.c.Remove(ctx, rsp.HardwareBreak, before, 1))
	err := d.c.Remove(ctx, rsp.HardwareBreak, before, 1)
	if e, ok := errors.AsType[*rsp.Error](err); !ok || e.Code != 0x22 {
		t.Errorf("second removal: %v", err)
	}
}

// memory reads the same page by its virtual and its physical address.
func (d *dialogue) memory() {
	d.t.Helper()
	ctx, t := d.t.Context(), d.t
	var virt, phys [4608]byte
	d.check(d.c.ReadMemory(ctx, d.cpu, d.pc()&^0xfff, virt[:64]))
	if err := d.c.ReadMemory(ctx, d.cpu, 0x4000_0000_0000_0000, virt[:64]); err == nil {
		t.Error("an address that is none can be read")
	}
	d.check(d.c.Atomically(ctx, func(b *rsp.Batch) error {
		if err := b.SetPhysMem(ctx, true); err != nil {
			return err
		}
		return b.ReadMemory(ctx, d.cpu, 0xffff0, phys[:16])
	}))
	if bytes.Count(phys[:16], []byte{0}) == 16 {
		t.Error("no BIOS at the reset vector")
	}
	if mode := must(d.c.Do(ctx, rsp.AnyThread, []byte("qqemu.PhyMemMode")))(t); string(mode) != "0" {
		t.Errorf("physical memory mode stays %s", mode)
	}
}

func TestTheRecordedConversationWithQEMUIsReplayed(t *testing.T) {
	entries := rsptest.Open(t, "testdata/qemu72-attach-step-break-detach.rsp")
	var again bytes.Buffer
	conversation(t, rsptest.Replay(t, entries), rsp.NewRecorder(&again), func() {})
	if got := rsptest.Parse(t, again.String()); len(got) != len(entries) {
		t.Errorf("%d messages, want %d", len(got), len(entries))
	}
}
