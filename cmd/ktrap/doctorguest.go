package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"time"

	"ktrap/rsp"
	"ktrap/session"
)

// Bounds on the looks at a guest.
const (
	stubTimeout   = 3 * time.Second
	kernelTimeout = 30 * time.Second
)

// guestFindings look at the stub, and if it answers at the kernel behind it.
func guestFindings(ctx context.Context, stub, vmlinux string, log *slog.Logger) []finding {
	f := stubFinding(ctx, stub, log)
	if f.State != "ok" {
		return []finding{f}
	}
	return append([]finding{f}, kernelFindings(ctx, stub, vmlinux, log)...)
}

func stubFinding(ctx context.Context, stub string, log *slog.Logger) finding {
	f := finding{What: "stub " + stub, State: "note"}
	ctx, cancel := context.WithTimeout(ctx, stubTimeout)
	defer cancel()
	conn, err := rsp.Dial(ctx, stub)
	if errors.Is(err, syscall.ECONNREFUSED) {
		f.Detail = "nothing listens there; a guest started with QEMU's -s listens on localhost:1234"
		return f
	}
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	c := rsp.NewClient(conn, &rsp.ClientOptions{Log: log})
	ended := make(chan error, 1)
	go func() { ended <- c.Run() }() // ends with Close
	features, err := c.Handshake(ctx)
	state := "its guest stands"
	if c.Features().Ran { // stopped for this look, and let go whatever has become of it
		state = "its guest runs"
		last, stop := context.WithTimeout(context.WithoutCancel(ctx), stubTimeout)
		defer stop()
		err = errors.Join(err, c.Detach(last))
	}
	err = errors.Join(err, c.Close())
	<-ended
	if errors.Is(err, context.DeadlineExceeded) {
		f.State, f.Detail = "wrong", "takes the connection and does not answer: QEMU serves one debugger at a time"
		f.Do = "end the gdb or ktrap that is attached, or let gdb join that ktrap at its port"
		return f
	}
	if err != nil {
		f.State, f.Detail = "wrong", err.Error()
		return f
	}
	who := "no QEMU, as far as it says"
	if features.QEMU {
		who = "QEMU"
	}
	f.State, f.Detail = "ok", fmt.Sprintf("%s answers, %s; packets of up to %d bytes", who, state, features.PacketSize)
	return f
}

// kernelFindings attach as `ktrap attach` does, without traps, and leave again:
// what it would refuse is refused here in the same words.
func kernelFindings(ctx context.Context, stub, vmlinux string, log *slog.Logger) []finding {
	f := finding{What: "running kernel", State: "note", Detail: "has not booted yet: nothing to compare vmlinux with"}
	ram := finding{What: "guest RAM", State: "note"}
	found, crash := "", ""
	ctx, cancel := context.WithTimeout(ctx, kernelTimeout)
	defer cancel()
	err := session.Run(ctx, &session.Options{
		Stub: stub, Vmlinux: vmlinux, NoTraps: true, Log: log,
		OnEvent: func(e session.Event) {
			switch e.Kind {
			case session.Note:
				if path, ok := strings.CutPrefix(e.Text, "vmlinux: "); ok { // found, as none was named
					found = path
				}
			case session.Ready:
				f.State, f.Detail = "ok", fmt.Sprintf("Linux %s, proven to be that of %s; slide %v (%s)",
					e.Armed.Release, cmp.Or(vmlinux, found), e.Armed.Slide, e.Armed.Method)
			case session.TrapHit:
				crash = e.Crash.Report.Title
			}
		},
	}, func(ctx context.Context, s *session.Session) error {
		return s.Quiesced(ctx, func(ctx context.Context, v *session.Stopped) error {
			if v.Target.TryDirectRAM(ctx) {
				ram.State = "ok"
			}
			ram.Detail = "is read " + v.Target.DirectRAM()
			return nil
		})
	})
	if err != nil {
		f.State, f.Detail = "wrong", err.Error()
	}
	list := []finding{f}
	if ram.Detail != "" {
		list = append(list, ram)
	}
	if crash != "" {
		list = append(list, finding{What: "crash", State: "note", Detail: crash, Do: "ktrap attach shows it"})
	}
	return list
}
