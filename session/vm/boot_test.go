package vm

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func consoleOnly() (*VM, io.Writer) {
	v := &VM{
		console: newConsole(nil, nil, slog.New(slog.DiscardHandler)),
		proc:    &process{done: make(chan struct{})},
		closing: make(chan struct{}),
		stderr:  &tail{limit: 100},
	}
	return v, receiver{v.console}
}

func TestWaitBootProbesOnlyAfterTheMarker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, w := consoleOnly()
		probed, result := false, make(chan error)
		go func() {
			result <- v.WaitBoot(t.Context(), &BootOptions{Marker: "READY", Probe: func(context.Context) error { probed = true; return nil }})
		}()
		synctest.Wait()
		if probed {
			t.Error("probed before the marker")
		}
		if _, err := io.WriteString(w, "READY\n"); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil || !probed {
			t.Errorf("got %v, probed %v", err, probed)
		}
	})
}

func TestWaitBootReportsProgressAndEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, w := consoleOnly()
		if _, err := io.WriteString(w, "[    0.1] still \x1b[1mhere\r\n"); err != nil {
			t.Fatal(err)
		}
		var seen []BootProgress
		err := v.WaitBoot(t.Context(), &BootOptions{Marker: "READY", Timeout: 3500 * time.Millisecond,
			Progress: func(p BootProgress) { seen = append(seen, p) }})
		boot, ok := errors.AsType[*BootError](err)
		if !ok || !strings.Contains(string(boot.Output), "still") {
			t.Errorf("got %v", err)
		}
		if len(seen) != 3 || seen[2].Elapsed != 3*time.Second || seen[2].Line != `[    0.1] still \x1b[1mhere` {
			t.Errorf("progress was %+v", seen)
		}
	})
}

func TestWaitBootTellsAPanicFromADeadQEMUAndFromAnInterrupt(t *testing.T) {
	tests := []struct {
		name, reason string
		happen       func(v *VM, w io.Writer, cancel func())
	}{
		{"panic", "Kernel panic - not syncing: VFS", func(_ *VM, w io.Writer, _ func()) {
			_, _ = io.WriteString(w, "[    1.8] Kernel panic - not syncing: VFS: no root\n")
		}},
		{"QEMU died", "QEMU ended", func(v *VM, _ io.Writer, _ func()) { v.proc.err = errors.New("signal: killed"); close(v.proc.done) }},
		{"interrupt", "", func(_ *VM, _ io.Writer, cancel func()) { cancel() }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, w := consoleOnly()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				result := make(chan error)
				go func() { result <- v.WaitBoot(ctx, &BootOptions{Marker: "READY"}) }()
				synctest.Wait()
				test.happen(v, w, cancel)
				err := <-result
				boot, ok := errors.AsType[*BootError](err)
				if test.reason == "" {
					if ok || !errors.Is(err, context.Canceled) {
						t.Errorf("got %v", err)
					}
				} else if !ok || !strings.Contains(boot.Reason, test.reason) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}
