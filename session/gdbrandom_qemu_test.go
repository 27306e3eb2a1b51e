//go:build qemu

package session_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"ktrap/session"
)

// busy keeps the guest at work while f talks about it: every place of talkPlaces
// is reached now and then.
func (r *running) busy(t *testing.T, f func()) {
	t.Helper()
	// Not in an SSH session of its own: dropbear 2022.83 closes one that has no command
	// yet when the process of another ends.
	work := "(i=0; while [ $i -lt 100000 ] && ! [ -e /tmp/end ]; do echo x > /tmp/x; cat /tmp/x; i=$((i+1)); done) > /dev/null 2>&1 < /dev/null &"
	if _, err := r.do(t, work); err != nil {
		t.Fatal(err)
	}
	f()
}

// calm ends the work of busy.
func (r *running) calm(t *testing.T) {
	t.Helper()
	if _, err := r.do(t, "touch /tmp/end"); err != nil {
		t.Error(err)
	}
}

var talkPlaces = []string{"vfs_write", "vfs_read", "hrtimer_interrupt", "do_exit", "wake_up_new_task", "__x64_sys_close"}

// talkAbout is a talk whose places are functions of the guest's kernel.
func talkAbout(ctx context.Context, t *testing.T, s *session.Session) *session.Talk {
	t.Helper()
	k := &session.Talk{At: s.ListenAddr(), Patient: session.Patience}
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

// The line is cut while the guest is stepped, with breakpoints set: QEMU keeps it as it
// stands, and whoever comes next has to deal with what is left.
func TestARealGuestIsWellAfterItsLineWasCut(t *testing.T) {
	m := up(t, "6.1")
	m.busy(t, func() {
		o := m.options(t)
		stub, hangUp := session.Line{Seed: 4, CutAfter: 800}.Serve(t, o.Stub)
		o.Stub, o.Listen = stub, "127.0.0.1:0"
		run(t, o, func(ctx context.Context, s *session.Session) {
			k := talkAbout(ctx, t, s)
			defer k.Close()
			if err := k.Run(ctx, session.RandomOps(11, 1000)); !errors.Is(err, session.ErrCut) && !errors.Is(err, session.ErrRefused) {
				t.Errorf("the line was to be cut, and the clients say: %v", err)
				return
			}
			if err := s.UntilLost(ctx); err == nil {
				t.Error("the session does not say that the stub is gone")
			}
		})
		hangUp()
		run(t, m.options(t), func(ctx context.Context, s *session.Session) { resume(ctx, t, s) })
		m.calm(t)
	})
	m.runs(t)
	m.noBreakpoints(t)
}
