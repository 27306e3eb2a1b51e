//go:build qemu

package session_test

import (
	"context"
	"regexp"
	"testing"

	"ktrap/session"
	"ktrap/session/guest"
	"ktrap/session/lab"
	"ktrap/session/vm"
)

// explained are the sentences of crashes. What differs between kernels is a pattern.
var explained = []struct{ keyword, want string }{
	{"null", `read of 4 bytes at rax\+0x10 = 0x10: null pointer, member v->peer->id at offset 16`},
	{"nullwrite", `write of 4 bytes at rax\+0x10 = 0x10: null pointer, member at offset 16`},
	{"userdata", `read of 4 bytes at rax = 0x7f0012345000: user-space address, not mapped`},
	{"wild", `write of 4 bytes at rax = 0xffffdead00000000: (in the [\w ]+, )?not mapped`},
	{"gpf", `read of 4 bytes at rdx\+rax\+0x10 = 0xdead000000000110: rax is LIST_POISON1, as list_del\(\) leaves it, member (v->id )?at offset 16`},
	{"ss", `read of 8 bytes at rbp\+0x8 = 0xdead000000000108: rbp is LIST_POISON1, as list_del\(\) leaves it, member at offset 8`},
	{"nullcall", `jump to 0x0: null function pointer`},
	{"nxcall", `jump to 0xffffffffc0\w{6}: global_victim \[crashme\], the page is not executable`},
	{"rodata", `write of 1 byte at rax-0x3f\w{6} = 0xffffffffc0\w{6}: c_rodata \[crashme\], the page is read-only`},
	{"vmallocguard", `write of 1 byte at rax\+0x1000 = 0xffff\w{12}: in the vmalloc area, not mapped`},
	{"div", `idiv: division by zero, ecx = 0`},
	{"int3", `int3: a breakpoint just before the marked instruction, that nobody handles`},
	{"ud2", `ud2: no BUG\(\) or WARN\(\) that the kernel knows of`},
	{"bug", `ud2: BUG\(\) at crashme.c:\d+`},
	{"warnon", `ud2: WARN\(\) at crashme.c:\d+`},
	{"listdel", `ud2: BUG\(\) at lib/list_debug.c:\d+`},
	// A local variable, its canary or a push is the first beyond the end: where the stack begins is random.
	{"stackoverflow", `write of 8 bytes at (rdi|rsp-0x8|rsp\+0xc8) = 0xffff\w{12}: guard page of the stack, which is used up`},
	{"stackprot", `call of __stack_chk_fail at c_stackprot\+0x\w+/0x\w+: the canary below the return address was overwritten`},
}

func TestTheCauseIsWhatTheModuleDid(t *testing.T) {
	for _, series := range []string{"6.1", "6.12"} {
		for _, c := range explained {
			t.Run(series+" "+c.keyword, func(t *testing.T) {
				m := boot(t, series, nil)
				run(t, m.options(t), func(ctx context.Context, s *session.Session) {
					wantCause(t, m.crash(ctx, t, s, c.keyword).Crash, c.want)
				})
			})
		}
	}
}

func TestTheCauseOfAReportOfKFENCEIsTheAccess(t *testing.T) {
	m := boot(t, "6.12", func(o *vm.Options) { o.Append += " kfence.sample_interval=1" })
	run(t, m.options(t), func(ctx context.Context, s *session.Session) {
		wantCause(t, m.crash(ctx, t, s, "kfence").Crash, `read of 1 byte at \w+ = 0xffff\w{12}: KFENCE: use-after-free read`)
	})
}

func wantCause(t *testing.T, c *session.Crash, want string) {
	t.Helper()
	if have := c.Report.Cause; !regexp.MustCompile("^" + want + "$").MatchString(have) {
		t.Errorf("%s: have %q, want %s", c.Report.Title, have, want)
	}
	marked := 0
	for _, in := range c.Report.Code {
		if in.Marked {
			marked++
		}
	}
	if len(c.Report.Code) > 0 && marked != 1 {
		t.Errorf("%s: %d instructions of %d are marked", c.Report.Title, marked, len(c.Report.Code))
	}
}

func TestTheCauseOfAnEarlierCrashIsThatOfItsText(t *testing.T) {
	m := boot(t, "6.1", func(o *vm.Options) { o.Paused = false })
	g, err := guest.Wait(t.Context(), m.kernel.GuestOptions(m.VM))
	if err != nil {
		t.Fatalf("reach the guest: %v", err)
	}
	defer g.Close()
	_ = g.Run(t.Context(), "echo null > /proc/crashme", nil) // the shell dies of it
	o := m.options(t)
	reported := make(chan *session.Crash, 1)
	o.OnEvent = func(ev session.Event) {
		if ev.Kind == session.TrapHit && ev.Crash != nil {
			select {
			case reported <- ev.Crash:
			default:
			}
		}
	}
	run(t, o, func(ctx context.Context, _ *session.Session) {
		select {
		case c := <-reported:
			wantCause(t, c, `read of 4 bytes at rax\+0x10 = 0x10: null pointer, member v->peer->id at offset 16`)
			if len(c.Report.Code) == 0 || c.Report.Access == nil {
				t.Errorf("%d instructions, access %+v", len(c.Report.Code), c.Report.Access)
			}
		case <-ctx.Done():
			t.Error("no report")
		}
	})
}

// TestTheCauseOfAReportOfKASANIsWhatItFound takes crashes after which the guest goes on.
func TestTheCauseOfAReportOfKASANIsWhatItFound(t *testing.T) {
	needKASAN(t)
	for _, c := range []struct{ keyword, want string }{
		{"uaf", `read of 4 bytes at 0xffff\w{12}: 16 bytes inside a freed kmalloc-96 object, freed in (free_victim|c_uaf) at \S*crashme.c:\d+`},
		{"oob", `write of 1 byte at 0xffff\w{12}: 30 bytes behind a kmalloc-128 object of 100 bytes, allocated in c_oob at \S*crashme.c:\d+`},
	} {
		t.Run(c.keyword, func(t *testing.T) {
			m := boot(t, lab.KASANSeries, nil)
			run(t, m.options(t), func(ctx context.Context, s *session.Session) {
				wantCause(t, m.crash(ctx, t, s, c.keyword).Crash, c.want)
			})
		})
	}
}
