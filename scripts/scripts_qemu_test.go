//go:build qemu

package scripts_test

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"ktrap/rsp"
	"ktrap/scripts"
	"ktrap/session"
	"ktrap/session/guest"
	"ktrap/session/lab"
	"ktrap/session/trap"
	"ktrap/session/vm"
)

// runner runs scripts on one guest.
type runner func(t *testing.T, name, src string, args ...string) (out string, err error)

// onGuest boots a lab kernel up to its user space for the length of f.
func onGuest(t *testing.T, series string, f func(runner)) {
	t.Helper()
	l, err := lab.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := l.Prepare(t.Context(), series, nil) // may download: that time is not the guest's
	if err != nil {
		t.Fatalf("the tag qemu is set, so the lab must be there: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	o := k.VMOptions()
	o.Paused = true
	v, err := vm.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	policy, err := trap.ParsePolicy("warn=stop")
	if err != nil {
		t.Fatal(err)
	}
	so := &session.Options{Stub: v.GDBAddr(), Policy: policy}
	if so.Vmlinux, err = k.Path("vmlinux"); err != nil {
		t.Fatal(err)
	}
	modules, err := k.Path("modules")
	if err != nil {
		t.Fatal(err)
	}
	so.ModuleDirs = []string{modules}
	err = session.Run(ctx, so, func(ctx context.Context, s *session.Session) error {
		if err := s.Continue(ctx); err != nil && !errors.Is(err, rsp.ErrRunning) {
			return err
		}
		g, err := guest.Wait(ctx, k.GuestOptions(v))
		if err != nil {
			return err
		}
		g.Close()
		s.Interrupt()
		if _, err := s.Wait(ctx); err != nil {
			return err
		}
		f(func(t *testing.T, name, src string, args ...string) (string, error) {
			t.Helper()
			var out bytes.Buffer
			err := scripts.Run(ctx, s, name, []byte(src), &scripts.Options{
				Args: args, Out: &out, Guest: k.GuestOptions(v), MaxSteps: 1_000_000,
			})
			t.Logf("%s %q:\n%s%v", name, args, out.String(), err)
			return out.String(), err
		})
		return nil
	})
	if err != nil {
		t.Errorf("session: %v", err)
	}
}

func shipped(t *testing.T, name string) string {
	t.Helper()
	src, err := scripts.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

func TestShippedScriptsAnswerTheirQuestions(t *testing.T) {
	all := []string{"6.1", "6.12"}
	if testing.Short() {
		all = all[:1]
	}
	for _, series := range all {
		t.Run(series, func(t *testing.T) {
			onGuest(t, series, func(run runner) {
				out, err := run(t, "opens.star", shipped(t, "opens.star"), "60", "for i in 1 2 3 4 5; do cat /etc/passwd; done")
				if !regexp.MustCompile(`(?m)^ +5 cat +/etc/passwd$`).MatchString(out) || err != nil {
					t.Errorf("opens.star does not tell of 5 opens of /etc/passwd by cat")
				}
				out, err = run(t, "fork_tree.star", shipped(t, "fork_tree.star"), "60", "sh -c 'ls | wc -l'")
				if !regexp.MustCompile(`(?m)^/bin/sh +started by dropbear\[\d+\] < .*init\[1\]$`).MatchString(out) || err != nil {
					t.Errorf("fork_tree.star does not tell that dropbear started /bin/sh")
				}
			})
		})
	}
}

// Each script ends with what it must print, or with the error it must end with.
func TestScriptsOnALiveGuest(t *testing.T) {
	tests := []struct {
		name, src string
		out, err  string
	}{
		{"a breakpoint that is hit many times", `
n = [0]
def hit(h):
    n[0] += 1
break_at("vfs_read", hit)
start("dd if=/dev/zero of=/dev/null bs=1 count=1000 2>/dev/null")
print(run(60), "many" if n[0] >= 1000 else n[0])`, "done many", ""},
		{"registers, arguments and variables by name", `
def hit(h):
    print(h.args[2] == eval("count"), h.regs["rdx"] == h.args[2], h.pc == address("vfs_write"), symbol(h.pc), h.comm == eval("current->comm"))
    print(show("file").startswith("(struct file *) 0x"), len(read(eval("(unsigned long)buf"), 1)), backtrace()[0].startswith("vfs_write+0x0/"))
    return STOP
break_at("vfs_write", hit)
start("sleep 1; echo hello")
print(run(10))`, "True True True vfs_write True\nTrue 1 True\nstop", ""},
		{"a source line without code", `break_at("fs/open.c:1000000", None)`, "", "no code for line"},
		{"a warning that goes on", `
seen = []
def crash(c):
    seen.append(c.cls)
    print(c.cls, c.frames[0].func != "")
    return CONTINUE
on_crash(crash)
start("echo warnon > /proc/crashme")
print(run(20), len(seen))`, "done 1", ""},
		{"a handler without an end", `
def hit(h):
    while True:
        pass
break_at("vfs_read", hit)
start("cat /etc/passwd")
run(10)`, "", "too many steps"},
		{"a mistake in a handler", `
def hit(h):
    print(h.nothing)
break_at("vfs_read", hit)
start("cat /etc/passwd")
run(10)`, "", "test.star:2:12: "},
		{"a name that does not exist", `break_at("no_such_function", None)`, "", `test.star:1:9: resolve "no_such_function"`},
		{"commands in the guest", `print(guest("echo $((6*7))").strip(), len([t for t in tasks() if t.pid == 1]))`, "42 1", ""},
		{"a crash", `
def crash(c):
    print(c.title, c.comm, [f.func for f in c.frames][0:1] != [])
on_crash(crash)
start("echo null > /proc/crashme")
print(run(20))`, "crash", ""},
	}
	onGuest(t, "6.1", func(run runner) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				out, err := run(t, "test.star", strings.TrimPrefix(tt.src, "\n"))
				if !strings.Contains(out, tt.out) {
					t.Errorf("printed %q, want %q in it", out, tt.out)
				}
				if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
					t.Errorf("ended with %v, want %q", err, tt.err)
				}
			})
		}
	})
}
