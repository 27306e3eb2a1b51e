//go:build qemu

package terminal

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"ktrap/session"
	"ktrap/session/lab"
	"ktrap/session/vm"
)

// execute runs a batch on a machine at its first instruction.
func execute(t *testing.T, adjust func(*session.Options), commands ...string) (out, errs string, ended error) {
	t.Helper()
	var o, e bytes.Buffer
	onHalted(t, "6.1", adjust, func(ctx context.Context, s *session.Session, _ *lab.Kernel, _ *vm.VM) error {
		ended = Run(ctx, s, &Options{Execute: commands, Out: &o, Err: &e})
		return nil
	})
	t.Logf("out:\n%serrors:\n%s", o.String(), e.String())
	return o.String(), e.String(), ended
}

func TestABreakpointWaitsForTheKernelAndFollowsAReboot(t *testing.T) {
	out, errs, ended := execute(t, nil,
		"break start_kernel", "breakpoints", "continue", "bt", "monitor system_reset", "continue", "delete", "tbreak kernel_init", "continue")
	if ended != nil {
		t.Fatal(ended)
	}
	for _, want := range []string{
		"breakpoint 1 at start_kernel, pending: it is set when the kernel is mapped\n",
		"breakpoint 1 at start_kernel  init/main.c:",
		"#0   start_kernel+0x0/",
		"#1   secondary_startup_64",
		"temporary breakpoint 2 in swapper/0, pid 1, CPU ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in what was printed", want)
		}
	}
	if n := strings.Count(out, "breakpoint 1 in swapper, pid 0, CPU 0\n"); n != 2 {
		t.Errorf("stopped at start_kernel %d times, want 2: once a boot", n)
	}
	if !strings.Contains(errs, "no kernel is mapped yet") {
		t.Errorf("the first words were %q", errs)
	}
}

func TestAPendingBreakpointThatHasNoPlaceIsSaid(t *testing.T) {
	out, errs, ended := execute(t, nil, "break no_such_function", "tbreak start_kernel", "continue", "breakpoints")
	if ended != nil {
		t.Fatal(ended)
	}
	if !strings.Contains(errs, `set breakpoint 1: resolve "no_such_function"`) || !strings.Contains(out, "#0   start_kernel") {
		t.Error("it was not said, or kept the other from being set")
	}
	if !strings.HasSuffix(out, "breakpoint 1 at no_such_function, which this kernel does not have\n") {
		t.Error("it is not listed as such")
	}
}

func TestABatchFailsWhenTheKernelIsRefused(t *testing.T) {
	wrong := pathOf(t, prepared(t, "6.12"), "vmlinux")
	out, errs, ended := execute(t, func(o *session.Options) { o.Vmlinux = wrong }, "continue", "print 4242")
	if !errors.Is(ended, ErrFailed) || !strings.Contains(errs, "is not the running kernel") {
		t.Errorf("ended with %v", ended)
	}
	if strings.Contains(out, "4242") {
		t.Error("it went on with the next command")
	}
}

func TestForceIsMarkedAtEveryStop(t *testing.T) {
	wrong := pathOf(t, prepared(t, "6.12"), "vmlinux")
	force := func(o *session.Options) { o.Vmlinux, o.Force = wrong, true }
	var out, errs bytes.Buffer
	onHalted(t, "6.1", force, func(ctx context.Context, s *session.Session, _ *lab.Kernel, _ *vm.VM) error {
		events, unsubscribe := s.Subscribe()
		defer unsubscribe()
		if err := s.Continue(ctx); err != nil {
			return err
		}
		for e := range events {
			if e.Kind == session.Ready {
				break
			}
		}
		return Run(ctx, s, &Options{Execute: []string{"interrupt", "info kernel"}, Out: &out, Err: &errs})
	})
	t.Logf("out:\n%serrors:\n%s", out.String(), errs.String())
	stop, about, _ := strings.Cut(out.String(), "release ")
	if !strings.Contains(stop, "("+session.NotProven+")\n") || !strings.Contains(about, session.NotProven+": ") {
		t.Error("the stop and the kernel are not marked")
	}
}

func TestErrorsOfABatchGoToTheErrors(t *testing.T) {
	out, errs, ended := execute(t, nil, "print 1", "frobnicate", "print 2")
	if !errors.Is(ended, ErrFailed) || !strings.Contains(errs, `no command "frobnicate"`) {
		t.Errorf("ended with %v", ended)
	}
	if want := "stopped on CPU 0\n  #0   0xfff0\n1\n"; out != want {
		t.Errorf("results are %q, want %q", out, want)
	}
}
