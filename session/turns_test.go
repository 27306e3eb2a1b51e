package session

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"

	"ktrap/rsp"
)

func newBegunTurns() *turns {
	t := newTurns(func(any) {})
	t.begin()
	return t
}

func TestTurnsAreTakenOneAfterTheOtherInTheirOrder(t *testing.T) {
	turns := newTurns(func(any) {})
	var got []int // owned by the turns; the race detector looks too
	for i := range 10 {
		turns.post(func() { got = append(got, i) })
	}
	if len(got) > 0 {
		t.Error("something ran before the beginning")
	}
	turns.begin()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if err := turns.call(func() { got = append(got, 10) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	turns.end()
	if len(got) != 10+8*200 || !slices.Equal(got[:10], []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("%d ran, first %v", len(got), got[:min(10, len(got))])
	}
}

func TestWhatATurnPostsRunsAfterIt(t *testing.T) {
	turns := newBegunTurns()
	var order []string
	_ = turns.call(func() {
		turns.post(func() { order = append(order, "posted") })
		order = append(order, "the turn")
	})
	_ = turns.call(func() { order = append(order, "next") })
	if !slices.Equal(order, []string{"the turn", "posted", "next"}) {
		t.Errorf("%q", order)
	}
	turns.end()
}

func TestWhoeverHasTheTurnDoesNotRunWhatOthersQueueBehindIt(t *testing.T) {
	turns := newBegunTurns()
	var mu sync.Mutex // that the caller holds
	mu.Lock()
	err := turns.call(func() {
		turns.post(func() {
			mu.Lock()
			defer mu.Unlock()
		})
	})
	mu.Unlock()
	if err != nil {
		t.Error(err)
	}
	turns.end()
}

func TestAPanicEndsTheTurns(t *testing.T) {
	for name, breaks := range map[string]func(){"panic": func() { panic("of the test") }, "exit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			var told []any
			turns := newTurns(func(r any) { told = append(told, r) })
			turns.begin()
			under, queued := make(chan struct{}), make(chan error)
			waits := func() {
				for {
					turns.mu.Lock()
					n := len(turns.queue)
					turns.mu.Unlock()
					if n == 1 {
						return
					}
					runtime.Gosched()
				}
			}
			first := make(chan error, 1)
			go func() {
				first <- rsp.ErrRunning // what an exit leaves behind
				err := turns.call(func() { close(under); waits(); breaks() })
				<-first
				first <- err
			}()
			<-under
			go func() { queued <- turns.call(func() { t.Error("it ran") }) }()
			if err := <-queued; !errors.Is(err, rsp.ErrClosed) {
				t.Errorf("who waited behind it is told %v", err)
			}
			<-turns.done
			if err := turns.call(func() {}); !errors.Is(err, rsp.ErrClosed) {
				t.Errorf("who comes later is told %v", err)
			}
			if name == "panic" && (len(told) != 1 || told[0] != "of the test") {
				t.Errorf("told %v", told)
			}
			turns.end()
		})
	}
}

func TestTheEndWaitsForTheTurnThatIsTaken(t *testing.T) {
	turns := newBegunTurns()
	under, proceed := make(chan struct{}), make(chan struct{})
	ran := false
	go turns.post(func() { close(under); <-proceed; ran = true })
	<-under
	ended := make(chan struct{})
	go func() { turns.end(); close(ended) }()
	for over := false; !over; runtime.Gosched() { // until it has begun to end
		turns.mu.Lock()
		over = turns.over
		turns.mu.Unlock()
	}
	close(proceed)
	<-ended
	if !ran {
		t.Error("it did not wait")
	}
}
