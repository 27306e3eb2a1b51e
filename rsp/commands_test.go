package rsp_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

// withMemory is a machine with 64 KiB at 0xffffffff81000000, of which each
// pair of bytes is its own offset, and other bytes in physical memory.
func withMemory() *rsptest.Machine {
	m := twoCPUs()
	data := make([]byte, 1<<16)
	for i := range data {
		data[i] = byte(i >> (8 * (i & 1)))
	}
	m.Mem = []rsptest.Segment{{Addr: 0xffffffff81000000, Data: data}}
	m.Phys = []rsptest.Segment{{Addr: 0x1000000, Data: bytes.Repeat([]byte{0xee}, 1<<16)}}
	return m
}

func greeted(t *testing.T, m *rsptest.Machine) (*rsp.Client, *rsptest.Stub) {
	t.Helper()
	c, s := start(t, m.Handle, nil)
	if _, err := c.Handshake(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c, s
}

func TestMemoryIsReadInPiecesThatFit(t *testing.T) {
	m := withMemory()
	c, s := greeted(t, m)
	before := len(s.Seen())
	p := make([]byte, 5000)
	if err := c.ReadMemory(t.Context(), cpu1, 0xffffffff81000123, p); err != nil || !bytes.Equal(p, m.Mem[0].Data[0x123:][:5000]) {
		t.Fatalf("read: %v", err)
	}
	if got := strings.Join(s.Seen()[before:], " "); got != "Hgp1.1 mffffffff81000123,800 mffffffff81000923,800 mffffffff81001123,388" {
		t.Errorf("stub saw %s", got)
	}
	if err := c.ReadMemory(t.Context(), cpu1, 0, nil); err != nil {
		t.Errorf("read of nothing: %v", err)
	}
}

func TestMemoryIsReadWithoutWaiting(t *testing.T) {
	m := withMemory()
	c, _ := greeted(t, m)
	type answer struct {
		b   []byte
		err error
	}
	read := func(at uint64, n int) answer {
		got := make(chan answer, 1)
		c.GoMemory(cpu1, at, n, func(b []byte, err error) { got <- answer{b, err} })
		return <-got
	}
	if a := read(0xffffffff81000123, 16); a.err != nil || !bytes.Equal(a.b, m.Mem[0].Data[0x123:][:16]) {
		t.Errorf("read %x, %v", a.b, a.err)
	}
	if a := read(0xffffffff81000000, 5000); a.err != nil || !bytes.Equal(a.b, m.Mem[0].Data[:0x800]) {
		t.Errorf("more than a packet holds: %d bytes, %v", len(a.b), a.err)
	}
	if a, refused := read(0x123, 16), (*rsp.Error)(nil); !errors.As(a.err, &refused) || a.b != nil {
		t.Errorf("what is not mapped: %x, %v", a.b, a.err)
	}
	c.Close()
	if a := read(0xffffffff81000000, 16); !errors.Is(a.err, rsp.ErrClosed) {
		t.Errorf("after the end: %x, %v", a.b, a.err)
	}
}

func TestABreakpointIsTakenOutWithoutWaiting(t *testing.T) {
	m := withMemory()
	c, _ := greeted(t, m)
	if err := c.Insert(t.Context(), rsp.SoftwareBreak, 0xffffffff81000000, 1); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	remove := func() error {
		c.GoRemove(rsp.SoftwareBreak, 0xffffffff81000000, 1, func(err error) { got <- err })
		return <-got
	}
	if err := remove(); err != nil || len(m.Breaks) != 0 {
		t.Errorf("%v, and %q are set", err, m.Breaks)
	}
	if err, refused := remove(), (*rsp.Error)(nil); !errors.As(err, &refused) {
		t.Errorf("what is not set: %v", err)
	}
	c.Close()
	if err := remove(); !errors.Is(err, rsp.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestMemoryReadsAreSentEightAtATime(t *testing.T) {
	const piece = (400 - 5) / 2 // of a stub that names no PacketSize
	var held int
	c, _ := start(t, func(s *rsptest.Stub, m rsp.Message) {
		if m.Kind != rsp.Packet {
			return
		}
		if held++; held < 8 {
			return // a client that waits for this reply waits for ever
		}
		for range held {
			s.Reply(strings.Repeat("2a", piece))
		}
		held = 0
	}, nil)
	p := make([]byte, 32*piece)
	if err := c.ReadMemory(t.Context(), rsp.AnyThread, 0x1000, p); err != nil || bytes.Count(p, []byte{0x2a}) != len(p) {
		t.Errorf("%d bytes, %v", bytes.Count(p, []byte{0x2a}), err)
	}
}

func TestAShortReplyIsCompleted(t *testing.T) {
	c, s := start(t, rsptest.Answers(map[string]string{"m10,4": "0102", "m12,2": "03", "m13,1": "04"}), nil)
	p := make([]byte, 4)
	if err := c.ReadMemory(t.Context(), rsp.AnyThread, 0x10, p); err != nil || !bytes.Equal(p, []byte{1, 2, 3, 4}) {
		t.Fatalf("%x, %v", p, err)
	}
	wantSeen(t, s, "m10,4", "m12,2", "m13,1")
}

func TestOddMemoryRepliesAreErrors(t *testing.T) {
	for reply, want := range map[string]string{
		"0102030405": "5 bytes instead of 4", "01020": "odd number", "0102zz04": "bad hexadecimal digit",
		"E14": "read 4 bytes at 0x10: stub says E14", "": "unsupported packet", "0": "0 bytes instead of 4", "OK": "bad hexadecimal",
	} {
		c, _ := start(t, rsptest.Answers(map[string]string{"m10,4": reply}), nil)
		if err := c.ReadMemory(t.Context(), rsp.AnyThread, 0x10, make([]byte, 4)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", reply, err, want)
		}
	}
}

func TestAReadBeyondTheEndOfTheAddressSpaceIsRefusedHere(t *testing.T) {
	c, s := start(t, rsptest.Answers(nil), nil)
	if err := c.ReadMemory(t.Context(), rsp.AnyThread, ^uint64(0), make([]byte, 2)); err == nil {
		t.Error("no error")
	}
	wantSeen(t, s)
}

func TestAFailedPartOfAReadLeavesTheQueueInOrder(t *testing.T) {
	c, _ := greeted(t, withMemory())
	err := c.ReadMemory(t.Context(), cpu1, 0xffffffff8100f000, make([]byte, 1<<15))
	if e, ok := errors.AsType[*rsp.Error](err); !ok || e.Code != 0x14 {
		t.Fatalf("error %v", err)
	}
	if g, err := c.ReadRegisters(t.Context(), cpu2); err != nil || g[0] != 0x22 {
		t.Errorf("next request: %v", err)
	}
}

func TestMemoryIsWrittenInPiecesThatFit(t *testing.T) {
	m := withMemory()
	c, s := greeted(t, m)
	want := bytes.Repeat([]byte("#$}*"), 1500)
	if err := c.WriteMemory(t.Context(), cpu1, 0xffffffff81000100, want); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Mem[0].Data[0x100:][:len(want)], want) {
		t.Error("memory differs from what was written")
	}
	for _, body := range s.Seen() {
		if len(body)+len("$#00") > 0x1000 {
			t.Errorf("packet of %d bytes", len(body))
		}
	}
	if err := c.WriteMemory(t.Context(), cpu1, 1, []byte{1}); err == nil || !strings.Contains(err.Error(), "write 1 bytes at 0x1: stub says E14") {
		t.Errorf("write to nowhere: %v", err)
	}
}

func TestRegistersAreReadAndWritten(t *testing.T) {
	m := twoCPUs()
	c, _ := greeted(t, m)
	if err := c.WriteRegister(t.Context(), cpu2, 16, []byte{1, 2, 3, 4, 5, 6, 7, 8}); err != nil {
		t.Fatal(err)
	}
	raw, err := c.ReadRegister(t.Context(), cpu2, 16)
	if err != nil || hexOf(raw) != "0102030405060708" {
		t.Errorf("%x, %v", raw, err)
	}
	g, err := c.ReadRegisters(t.Context(), cpu2)
	if err != nil || len(g) != 608 || !bytes.Equal(g[128:136], raw) {
		t.Errorf("%d bytes, %v", len(g), err)
	}
	if _, err := c.ReadRegister(t.Context(), cpu2, 999); !errors.Is(err, rsp.ErrUnsupported) {
		t.Errorf("register 999: %v", err)
	}
}

func TestBreakpointsAreCountedAsQEMUDoes(t *testing.T) {
	m := twoCPUs()
	c, s := greeted(t, m)
	before := len(s.Seen())
	for range 2 {
		if err := c.Insert(t.Context(), rsp.SoftwareBreak, 0xffffffff81000000, 1); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		err := c.Remove(t.Context(), rsp.SoftwareBreak, 0xffffffff81000000, 1)
		if e, _ := errors.AsType[*rsp.Error](err); (i == 2) != (e != nil && e.Code == 0x22) {
			t.Errorf("removal %d: %v", i, err)
		}
	}
	if err := c.Insert(t.Context(), rsp.WriteWatch, 0x10, 8); err != nil {
		t.Fatal(err)
	}
	const z = "0,ffffffff81000000,1"
	if got := strings.Join(s.Seen()[before:], " "); got != "Z"+z+" Z"+z+" z"+z+" z"+z+" z"+z+" Z2,10,8" {
		t.Errorf("stub saw %s", got)
	}
}

func TestThreadsAreListedAndDescribed(t *testing.T) {
	c, _ := greeted(t, twoCPUs())
	ids, err := c.Threads(t.Context())
	if err != nil || len(ids) != 2 || ids[0] != cpu1 || ids[1] != cpu2 {
		t.Fatalf("%v, %v", ids, err)
	}
	if info, err := c.ThreadInfo(t.Context(), cpu2); err != nil || info != "CPU#1 [halted ]" {
		t.Errorf("%q, %v", info, err)
	}
}

func TestAnEndlessThreadListEnds(t *testing.T) {
	many := "m" + strings.Repeat("1,", 2000) + "1"
	c, _ := start(t, rsptest.Answers(map[string]string{"qfThreadInfo": many, "qsThreadInfo": many}), nil)
	if _, err := c.Threads(t.Context()); err == nil {
		t.Error("no error")
	}
	c, _ = start(t, rsptest.Answers(map[string]string{"qfThreadInfo": "m"}), nil)
	if _, err := c.Threads(t.Context()); err == nil {
		t.Error("no error for an empty list")
	}
}

func TestMonitorOutputIsJoined(t *testing.T) {
	m := twoCPUs()
	m.Monitor = func(cmd string) string { return cmd + "\r\nsecond line\r\n" }
	c, _ := start(t, m.Handle, &rsp.ClientOptions{OnOutput: func([]byte) { t.Error("output went astray") }})
	if out, err := c.Monitor(t.Context(), "info version"); err != nil || out != "info version\r\nsecond line\r\n" {
		t.Errorf("%q, %v", out, err)
	}
	c, _ = start(t, rsptest.Answers(map[string]string{"qRcmd,61": "68690a", "qRcmd,62": "E01", "qRcmd,63": "zz"}), nil)
	if out, err := c.Monitor(t.Context(), "a"); err != nil || out != "hi\n" {
		t.Errorf("reply that is the output: %q, %v", out, err)
	}
	for _, cmd := range []string{"b", "c", "d"} {
		if out, err := c.Monitor(t.Context(), cmd); err == nil || out != "" {
			t.Errorf("%s: %q, %v", cmd, out, err)
		}
	}
}

func TestObjectsAreReadInSlices(t *testing.T) {
	c, _ := greeted(t, twoCPUs())
	xml, err := c.Xfer(t.Context(), "features", "i386-64bit.xml")
	if err != nil || !bytes.HasSuffix(xml, []byte("</feature>\n")) || !bytes.Contains(xml, []byte(`"mxcsr"`)) {
		t.Errorf("%d bytes, %v", len(xml), err)
	}
	if _, err := c.Xfer(t.Context(), "features", "none.xml"); err == nil {
		t.Error("no error for an object that is not there")
	}
	c, _ = start(t, func(s *rsptest.Stub, m rsp.Message) { s.Reply("m") }, nil)
	if _, err := c.Xfer(t.Context(), "features", "x"); err == nil {
		t.Error("no error for an object that does not advance")
	}
}

func TestOneBatchAtATime(t *testing.T) {
	m := withMemory()
	c, _ := greeted(t, m)
	virt, phys := make([]byte, 16), make([]byte, 16)
	done := make(chan error)
	go func() {
		for range 50 {
			if err := c.ReadMemory(t.Context(), cpu1, 0xffffffff81000000, virt); err != nil {
				done <- err
				return
			}
			if virt[0] == 0xee {
				done <- errors.New("physical memory read in the middle of a batch")
				return
			}
		}
		done <- nil
	}()
	for range 50 {
		err := c.Atomically(t.Context(), func(b *rsp.Batch) error {
			if err := b.SetPhysMem(t.Context(), true); err != nil {
				return err
			}
			return b.ReadMemory(t.Context(), cpu2, 0x1000000, phys)
		})
		if err != nil || phys[0] != 0xee {
			t.Fatalf("%x, %v", phys, err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestABatchPutsVirtualMemoryBackHoweverItEnds(t *testing.T) {
	broken := errors.New("broken")
	for name, f := range map[string]func(context.Context, context.CancelFunc, *rsp.Batch) error{
		"with an error": func(ctx context.Context, _ context.CancelFunc, b *rsp.Batch) error {
			return errors.Join(b.SetPhysMem(ctx, true), broken)
		},
		"cancelled": func(ctx context.Context, cancel context.CancelFunc, b *rsp.Batch) error {
			err := b.SetPhysMem(ctx, true)
			cancel()
			return errors.Join(err, b.ReadMemory(ctx, cpu1, 0x1000000, make([]byte, 8)), ctx.Err()) // the reply may be quicker
		},
		"by itself": func(ctx context.Context, _ context.CancelFunc, b *rsp.Batch) error {
			return errors.Join(b.SetPhysMem(ctx, true), b.SetPhysMem(ctx, false), broken)
		},
		"with a request left behind": func(ctx context.Context, _ context.CancelFunc, b *rsp.Batch) error {
			b.Go(rsp.AnyThread, []byte("Qqemu.PhyMemMode:1"), func([]byte, error) {})
			return broken
		},
		"with a panic": func(ctx context.Context, _ context.CancelFunc, b *rsp.Batch) (err error) {
			b.SetPhysMem(ctx, true)
			panic(broken)
		},
	} {
		c, s := greeted(t, withMemory())
		ctx, cancel := context.WithCancel(t.Context())
		var batch *rsp.Batch
		err := func() (err error) {
			defer func() {
				if r := recover(); r != nil {
					err = r.(error)
				}
			}()
			return c.Atomically(ctx, func(b *rsp.Batch) error { batch = b; return f(ctx, cancel, b) })
		}()
		cancel()
		if err == nil {
			t.Errorf("%s: error lost", name)
		}
		if got, err := c.Do(t.Context(), rsp.AnyThread, []byte("qqemu.PhyMemMode")); err != nil || string(got) != "0" {
			t.Errorf("%s: physical memory mode %q, %v", name, got, err)
		}
		if n := strings.Count(strings.Join(s.Seen(), " "), "PhyMemMode:0"); n != 2 { // one of the handshake
			t.Errorf("%s: turned off %d times: %q", name, n, s.Seen())
		}
		if _, err := batch.Do(t.Context(), cpu1, []byte("g")); !errors.Is(err, rsp.ErrRefused) {
			t.Errorf("%s: a batch that is over asks on: %v", name, err)
		}
	}
}

func TestABatchThatCannotBeginDoesNotHoldTheClient(t *testing.T) {
	c, _ := greeted(t, twoCPUs())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := c.Atomically(t.Context(), func(*rsp.Batch) error {
		return c.Atomically(ctx, func(*rsp.Batch) error { t.Error("a batch in a batch"); return nil })
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := c.ReadRegisters(t.Context(), cpu1); err != nil {
		t.Error(err)
	}
}

func TestABatchEndsEvenIfVirtualMemoryDoesNotComeBack(t *testing.T) {
	m := withMemory()
	m.Override = func(_ *rsptest.Machine, body string) (string, bool) { return "E22", body == "Qqemu.PhyMemMode:0" }
	c, _ := greeted(t, m)
	if err := c.Atomically(t.Context(), func(b *rsp.Batch) error { return b.SetPhysMem(t.Context(), true) }); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadRegisters(t.Context(), cpu1); err != nil {
		t.Error(err)
	}
}
