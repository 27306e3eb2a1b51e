package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"ktrap/rsp/rsptest"
	"ktrap/symbols"
)

// server is where a test's debug information comes from.
type server struct {
	mu      sync.Mutex // downloads run in goroutines of their own
	asked   []string
	answers map[string]error // build-id -> how it goes; else context's error, when it ends
	hangs   chan struct{}    // closed when a download hangs
}

func (s *server) fetch(ctx context.Context, id string, progress func(got, total int64)) error {
	s.mu.Lock()
	s.asked = append(s.asked, id)
	err, known := s.answers[id]
	s.mu.Unlock()
	if known {
		progress(1, 1)
		return err
	}
	close(s.hangs)
	<-ctx.Done()
	return ctx.Err()
}

// withFetch runs a session whose guest has no kernel, and whose debug
// information comes from a server.
func withFetch(t *testing.T, from *server, f func(ctx context.Context, s *Session)) {
	t.Helper()
	m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}}}
	o := &Options{Stub: rsptest.ListenUnix(t, m.Handle), NoTraps: true, Fetch: from.fetch}
	err := Run(t.Context(), o, func(ctx context.Context, s *Session) error {
		f(ctx, s)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if !m.Detached && len(m.Breaks) > 0 {
		t.Errorf("the guest was left with %q", m.Breaks)
	}
}

// came is how a download went, told by its callback.
type came struct {
	name string
	err  error
	left int
}

// start has files fetched and gives what becomes of them.
func start(ctx context.Context, t *testing.T, s *Session, list ...file) (<-chan came, bool) {
	t.Helper()
	told := make(chan came, len(list))
	begun := false
	err := s.Do(ctx, func(_ context.Context, v *Stopped) error {
		begun = v.fetch(list, func(_ context.Context, f file, err error, left int) { told <- came{f.name, err, left} })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return told, begun
}

func TestAFileIsFetchedOnceWhileTheStopLeaseIsFree(t *testing.T) {
	notThere := errors.New("no server has it")
	from := &server{answers: map[string]error{"1": nil, "2": notThere}}
	withFetch(t, from, func(ctx context.Context, s *Session) {
		list := []file{{"a", "1"}, {"b", "2"}, {"without id", ""}, {"c", "1"}}
		told, begun := start(ctx, t, s, list...)
		if !begun {
			t.Fatal("nothing was fetched")
		}
		if a, b := <-told, <-told; a != (came{"a", nil, 1}) || b != (came{"b", notThere, 0}) {
			t.Errorf("%v, %v", a, b)
		}
		if _, again := start(ctx, t, s, list...); again {
			t.Error("fetched once more")
		}
	})
	if want := []string{"1", "2"}; !slices.Equal(from.asked, want) {
		t.Errorf("asked for %q, want %q", from.asked, want)
	}
}

func TestTheGuestCanBeWorkedWithWhileADownloadHangs(t *testing.T) {
	from := &server{hangs: make(chan struct{})}
	var told <-chan came
	withFetch(t, from, func(ctx context.Context, s *Session) {
		told, _ = start(ctx, t, s, file{"a", "1"}, file{"b", "2"})
		<-from.hangs
		ran := false
		if err := s.Do(ctx, func(context.Context, *Stopped) error { ran = true; return nil }); err != nil || !ran {
			t.Errorf("a job: %v", err)
		}
	})
	for range 2 { // the session's end gave both up
		if c := <-told; !errors.Is(c.err, context.Canceled) {
			t.Errorf("%+v", c)
		}
	}
	if len(from.asked) != 1 {
		t.Errorf("asked for %q", from.asked)
	}
}

func TestABigDownloadIsToldOfInTenths(t *testing.T) {
	var told []string
	s := newSession(&Options{Waiting: func(text string) { told = append(told, text) }})
	s.waits.Store(true)
	for _, tt := range []struct {
		total int64
		want  []string
	}{
		{100, []string{"f: 10 of 100 MB", "f: 25 of 100 MB", "f: 32 of 100 MB", "f: 100 of 100 MB"}},
		{0, []string{"f: 16 MB", "f: 32 MB", "f: 100 MB"}}, // not known
	} {
		told = nil
		tell := s.tellProgress("f")
		for _, got := range []int64{1, 5, 10, 11, 16, 25, 26, 32, 100} {
			tell(got<<20, tt.total<<20)
		}
		if !slices.Equal(told, tt.want) {
			t.Errorf("of %d: %q, want %q", tt.total, told, tt.want)
		}
	}
	told = nil
	if s.tellProgress("small")(1<<20, 1<<20); told != nil {
		t.Errorf("told of a small one: %q", told)
	}
}

func TestAModuleIsLookedForAgainWhenSomethingHasCome(t *testing.T) {
	w := &World{parts: map[string]part{}, modules: "x"}
	for i, name := range []string{"a", "b", "c"} {
		w.parts[fmt.Sprintf("%s@%d", name, i)] = part{mod: &symbols.Module{Name: name}}
	}
	next := w.without([]string{"a", "c"})
	if len(next.parts) != 1 || next.parts["b@1"].mod == nil || next.modules != "" || len(w.parts) != 3 {
		t.Errorf("%+v of %+v", next, w)
	}
}
