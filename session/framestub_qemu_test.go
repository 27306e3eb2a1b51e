//go:build qemu

package session_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"ktrap/rsp"
	"ktrap/session"
	"ktrap/session/unwind"
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// frameStub shows a gdb each physical frame of a stopped CPU as a thread of its
// own: gdb cannot unwind through an exception, but it can say what it makes of a
// frame that it is given. A register that the unwinder does not know is not
// available to gdb either. Memory is the guest's; nothing is written to it.
type frameStub struct {
	frames []unwind.Frame
	text   addr.Addr // where _text is
	read   func(p []byte, a addr.Addr) error
	server *rsp.Server
	thread int // gdb's Hg, from 1
}

// serveFrames gives the address of a stub for one gdb.
func serveFrames(ctx context.Context, t *testing.T, s *session.Session, frames []unwind.Frame) string {
	t.Helper()
	f := &frameStub{frames: frames, thread: 1}
	f.read = func(p []byte, a addr.Addr) error {
		return s.Do(ctx, func(ctx context.Context, v *session.Stopped) error {
			cpu, err := v.StopCPU(ctx)
			if err != nil {
				return err
			}
			return v.Target.MemoryOf(ctx, cpu).ReadMemory(p, a)
		})
	}
	err := s.Do(ctx, func(_ context.Context, v *session.Stopped) error {
		f.text, _ = v.World.Kernel.Symbol("_text")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := l.Accept(); err == nil {
			f.serve(t, conn)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func (f *frameStub) serve(t *testing.T, conn net.Conn) {
	f.server = rsp.NewServer(conn, nil)
	defer f.server.Close()
	for {
		m, err := f.server.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Logf("talk to gdb: %v", err)
			}
			return
		}
		if m.Kind != rsp.Packet {
			continue
		}
		f.server.Send([]byte(f.answer(string(m.Body))))
		if m.Body[0] == 'D' {
			return
		}
	}
}

// answer is the reply to one packet; an empty one says that it is not known.
func (f *frameStub) answer(p string) string {
	switch {
	case strings.HasPrefix(p, "qSupported"):
		return "PacketSize=4000;QStartNoAckMode+"
	case p == "?":
		return "T05thread:1;"
	case p == "qC":
		return "QC1"
	case p == "qfThreadInfo":
		list := make([]string, len(f.frames))
		for i := range list {
			list[i] = fmt.Sprintf("%x", i+1)
		}
		return "m" + strings.Join(list, ",")
	case p == "qsThreadInfo":
		return "l"
	case p == "qOffsets":
		return fmt.Sprintf("TextSeg=%x", uint64(f.text))
	case p == "qAttached":
		return "1"
	case p[0] == 'H':
		if n := 0; p[1] == 'g' {
			if _, err := fmt.Sscanf(p[2:], "%x", &n); err == nil && n > 0 && n <= len(f.frames) {
				f.thread = n
			}
		}
		return "OK"
	case p[0] == 'T', p[0] == 'D':
		return "OK"
	case p[0] == 'g':
		return registersOf(&f.frames[f.thread-1])
	case p[0] == 'm':
		return f.memory(p[1:])
	}
	return ""
}

func (f *frameStub) memory(p string) string {
	var at uint64
	var n int
	if _, err := fmt.Sscanf(p, "%x,%x", &at, &n); err != nil || n <= 0 || n > 0x2000 {
		return "E01"
	}
	b := make([]byte, n)
	if err := f.read(b, addr.Addr(at)); err != nil {
		return "E14"
	}
	return hex.EncodeToString(b)
}

// gdbOrder are the registers as gdb's g packet has them.
var gdbOrder = []cfi.Reg{
	cfi.RAX, cfi.RBX, cfi.RCX, cfi.RDX, cfi.RSI, cfi.RDI, cfi.RBP, cfi.RSP,
	cfi.R8, cfi.R9, cfi.R10, cfi.R11, cfi.R12, cfi.R13, cfi.R14, cfi.R15,
}

// registersOf are a frame's registers, x where they are not known. gdb takes the
// pc of a thread for the next instruction to run, so it gets the address that
// it would look up for a return address.
func registersOf(f *unwind.Frame) string {
	var b strings.Builder
	for _, r := range gdbOrder {
		u, ok := f.Regs.Get(r)
		if !ok {
			b.WriteString(strings.Repeat("x", 16))
			continue
		}
		b.WriteString(littleEndian(u))
	}
	b.WriteString(littleEndian(uint64(f.LookupPC())))
	b.WriteString("02000000") // eflags
	return b.String()
}

func littleEndian(u uint64) string {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(u >> (8 * i))
	}
	return hex.EncodeToString(b)
}
