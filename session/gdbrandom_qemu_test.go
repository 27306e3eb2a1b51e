//go:build qemu

package session_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"ktrap/rsp"
	"ktrap/session"
)

// busy keeps the guest at work while f talks about it: every place of talkPlaces
// is reached now and then.
func (r *running) busy(t *testing.T, f func()) {
	t.Helper()
	during(t.Context(), t, r.ssh, "i=0; while [ $i -lt 100000 ] && ! [ -e /tmp/end ]; do echo x > /tmp/x; cat /tmp/x > /dev/null; i=$((i+1)); done", f)
}

// calm ends the work of busy.
func (r *running) calm(t *testing.T) {
	t.Helper()
	if err := r.ssh.Run(t.Context(), "touch /tmp/end", nil); err != nil {
		t.Error(err)
	}
}

var talkPlaces = []string{"vfs_write", "vfs_read", "hrtimer_interrupt", "do_exit", "wake_up_new_task", "__x64_sys_close"}

// talkAbout is a talk whose places are functions of the guest's kernel.
func talkAbout(ctx context.Context, t *testing.T, s *session.Session) *session.Talk {
	t.Helper()
	k := &session.Talk{At: s.ListenAddr(), Patient: time.Minute}
	err := s.Quiesced(ctx, func(_ context.Context, v *session.Stopped) error {
		for _, name := range talkPlaces {
			a, ok := v.World.Kernel.Symbol(name)
			if !ok {
				return fmt.Errorf("no %s", name)
			}
			k.Places = append(k.Places, uint64(a))
		}
		unused, ok := v.World.Kernel.Symbol("linux_proc_banner")
		if !ok {
			return errors.New("no linux_proc_banner")
		}
		k.Data = uint64(unused)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTwoClientsDoWhatTheyLikeWithARealGuest(t *testing.T) {
	for name, line := range map[string]session.Line{
		"good": {}, "slow": {Seed: 2, Delay: 3 * time.Millisecond}, "spoils": {Seed: 3, Spoil: 60},
	} {
		t.Run(name, func(t *testing.T) {
			m := up(t, "6.1")
			m.busy(t, func() {
				o := m.options(t)
				stub, hangUp := line.Serve(t, o.Stub)
				o.Stub, o.Listen = stub, "127.0.0.1:0"
				run(t, o, func(ctx context.Context, s *session.Session) {
					k := talkAbout(ctx, t, s)
					defer k.Close()
					if err := k.Run(ctx, session.RandomOps(11, 1000)); err != nil {
						t.Error(err)
					}
				})
				hangUp()
				m.calm(t)
			})
			m.runs(t)
			m.noBreakpoints(t)
		})
	}
}

func TestAKtrapThatWasCutOffFromQEMUSaysSoAndTheNextOneClearsUp(t *testing.T) {
	m := up(t, "6.1")
	m.busy(t, func() {
		for _, after := range []int{700, 1900} {
			o := m.options(t)
			direct := o.Stub
			stub, hangUp := session.Line{CutAfter: after}.Serve(t, direct)
			o.Stub, o.Listen = stub, "127.0.0.1:0"
			said := heard(o)
			run(t, o, func(ctx context.Context, s *session.Session) {
				k := talkAbout(ctx, t, s)
				defer k.Close()
				err := k.Run(ctx, session.RandomOps(uint64(after), 3000))
				if !errors.Is(err, session.ErrCut) && !errors.Is(err, session.ErrRefused) {
					t.Errorf("the clients of a stub that is gone: %v", err)
				}
				if err := s.UntilLost(ctx); !errors.Is(err, rsp.ErrClosed) {
					t.Errorf("the session: %v", err)
				}
				said.wait(ctx, t, session.StubGone, "")
			})
			hangUp()
			o.Stub = direct
			run(t, o, func(ctx context.Context, s *session.Session) { resume(ctx, t, s) })
		}
		m.calm(t)
	})
	m.runs(t)
	m.noBreakpoints(t)
}

// fellow is a stock gdb that a person types at, who does not wait.
type fellow struct {
	*gdb
	waits bool
	marks int
}

// listens takes what gdb has said, up to its prompt if that is there.
func (f *fellow) listens() {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh := f.out.String()[f.read:]
	if i := strings.LastIndex(fresh, prompt); f.waits && i >= 0 {
		f.read += i + len(prompt)
		f.waits = false
	}
}

// stops ends the wait. The stop may be quicker than the key, which then has an
// answer of its own.
func (f *fellow) stops(t *testing.T) {
	t.Helper()
	if f.listens(); f.waits {
		f.interrupt(t)
		f.waits = false
	}
	f.marks++
	f.send(t, `echo mark %d\n`, f.marks)
	f.until(t, fmt.Sprintf("mark %d\n%s", f.marks, prompt))
}

func TestTwoStockGDBsDoWhatTheyLike(t *testing.T) {
	m := up(t, "6.1")
	m.busy(t, func() {
		o := m.options(t)
		stub, hangUp := session.Line{Seed: 4, Delay: time.Millisecond}.Serve(t, o.Stub)
		o.Stub, o.Listen = stub, "127.0.0.1:0"
		run(t, o, func(ctx context.Context, s *session.Session) {
			var people [2]*fellow
			r := rand.New(rand.NewPCG(21, 0))
			for i := range people {
				people[i] = &fellow{gdb: startGDB(t, o.Vmlinux)}
				people[i].want(t, "target remote "+s.ListenAddr(), "Remote debugging using")
			}
			for range 150 {
				f := people[r.IntN(2)]
				f.listens()
				place := talkPlaces[r.IntN(len(talkPlaces))]
				what := []string{"continue", "continue", "stepi", "interrupt", "break " + place, "tbreak " + place, "delete",
					"x/2i $pc", "output $rsp", "info registers rip", "monitor ktrap list", "again", "killed"}[r.IntN(13)]
				switch {
				case what == "interrupt" || what == "again":
					f.stops(t)
				case what == "killed" && r.IntN(3) == 0:
					f.kill()
					fresh := startGDB(t, o.Vmlinux)
					fresh.want(t, "target remote "+s.ListenAddr(), "Remote debugging using")
					*f = fellow{gdb: fresh}
				case f.waits || what == "killed":
					continue
				case what == "continue" || what == "stepi": // which waits with the others if the guest runs
					f.send(t, "%s", what)
					f.waits = true
				default:
					f.do(t, "%s", what)
				}
				if what == "again" {
					f.want(t, "detach", "detached")
					f.want(t, "target remote "+s.ListenAddr(), "Remote debugging using")
				}
			}
			for _, f := range people {
				f.stops(t)
			}
			for _, f := range people {
				f.want(t, "info registers rip", "rip ")
				f.want(t, "detach", "detached")
			}
		})
		hangUp()
		m.calm(t)
	})
	m.runs(t)
	m.noBreakpoints(t)
}
