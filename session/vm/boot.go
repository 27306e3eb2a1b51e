package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// BootOptions say when the guest counts as up: when Marker stands on the
// console, or, without a marker, when Probe succeeds; with both, Probe is
// first called once the marker was seen.
type BootOptions struct {
	Marker   string
	Probe    func(ctx context.Context) error // e.g. dials SSH; retried until ctx ends by itself
	Timeout  time.Duration                   // 0 means 5 minutes
	Progress func(BootProgress)              // called about every second, from WaitBoot's goroutine; may be nil
}

// BootProgress is how far the boot is.
type BootProgress struct {
	Elapsed time.Duration
	Line    string // the console's last line, printable
}

// panicText is printed by a guest that will not come up any more.
const panicText = "Kernel panic - not syncing"

// WaitBoot waits until the guest is up. Its two goroutines, one that probes and
// one that looks for a panic, end before it returns.
// Errors: *BootError with the console's end when the guest panicked, QEMU ended or the time is over; ctx's.
func (v *VM) WaitBoot(ctx context.Context, o *BootOptions) error {
	timeout := o.Timeout
	if timeout == 0 {
		timeout = 5 * time.Minute
	}
	bootCtx, cancel := context.WithTimeout(ctx, timeout)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	up, panicked := make(chan error, 1), make(chan error, 1) // buffered: their senders are joined, not received from
	wg.Go(func() { up <- v.probe(bootCtx, o) })
	wg.Go(func() {
		_, err := v.console.WaitFor(bootCtx, 0, panicText)
		panicked <- err
	})
	start := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-up:
			return v.bootResult(ctx, err, timeout)
		case err := <-panicked:
			if err == nil {
				return v.bootError("the kernel panicked: " + v.lineWith(panicText))
			}
			panicked = nil
		case <-v.Done():
			return errors.Join(v.bootError("QEMU ended"), v.Err())
		case <-tick.C:
			if o.Progress != nil {
				o.Progress(BootProgress{Elapsed: time.Since(start), Line: v.lastLine()})
			}
		}
	}
}

func (v *VM) probe(ctx context.Context, o *BootOptions) error {
	if o.Marker != "" {
		if _, err := v.console.WaitFor(ctx, 0, o.Marker); err != nil {
			return err
		}
	}
	if o.Probe == nil {
		return nil
	}
	return o.Probe(ctx)
}

func (v *VM) bootResult(ctx context.Context, err error, timeout time.Duration) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("wait for the guest: %w", ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return v.bootError(fmt.Sprintf("not up after %v", timeout))
	default:
		return v.bootError(err.Error())
	}
}

func (v *VM) bootError(reason string) error {
	return &BootError{Reason: reason, Output: v.console.Tail(16 << 10)}
}

// lastLine is the last line on the console that is not empty.
func (v *VM) lastLine() string {
	p := bytes.TrimSpace(v.console.Tail(512))
	if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
		p = p[i+1:]
	}
	return Printable(p)
}

func (v *VM) lineWith(text string) string {
	p, _ := v.console.Since(0)
	for line := range bytes.Lines(p) {
		if bytes.Contains(line, []byte(text)) {
			return strings.TrimSpace(Printable(line))
		}
	}
	return text
}
