package session

import (
	"sync"

	"ktrap/rsp"
)

// turns runs functions one after the other, in the order in which they come: each on
// the goroutine that brings it if nobody else has the turn, as handing it to another
// goroutine takes longer than most of them do. None of them may wait for another.
type turns struct {
	mu       sync.Mutex // only ever held for a moment
	queue    []func()
	taken    bool          // somebody has the turn; it is taken until begin
	over     bool          // nothing is run any more
	done     chan struct{} // closed when nothing runs any more
	panicked func(r any)   // told of a panic, after which nothing is run any more
}

func newTurns(panicked func(r any)) *turns {
	return &turns{taken: true, done: make(chan struct{}), panicked: panicked}
}

// begin runs what has come so far.
func (t *turns) begin() { t.pass() }

// take gives the caller the turn if nobody has it, or else queues f.
// Errors: rsp.ErrClosed when nothing is run any more.
func (t *turns) take(f func()) (mine bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.over:
		return false, rsp.ErrClosed
	case t.taken:
		t.queue = append(t.queue, f)
		return false, nil
	}
	t.taken = true
	return true, nil
}

// post has f run, and does not wait for it if somebody else has the turn. When nothing
// is run any more f is dropped.
func (t *turns) post(f func()) {
	if mine, _ := t.take(f); mine {
		t.run(f)
	}
}

// call has f run and waits for it.
// Errors: rsp.ErrClosed when nothing is run any more, or f has panicked.
func (t *turns) call(f func()) error {
	ran := make(chan struct{})
	turn := func() { f(); close(ran) }
	mine, err := t.take(turn)
	if err != nil {
		return err
	}
	if mine {
		t.run(turn)
	}
	select {
	case <-ran:
		return nil
	case <-t.done: // f has panicked, or was the last thing that was run
		select {
		case <-ran:
			return nil
		default:
			return rsp.ErrClosed
		}
	}
}

// run runs f, whose caller has the turn, and passes the turn on.
func (t *turns) run(f func()) {
	whole := false
	defer func() {
		r := recover()
		if !whole { // also if the goroutine exits
			t.panicked(r)
			t.mu.Lock()
			t.over = true
			t.mu.Unlock()
		}
		t.pass()
	}()
	f()
	whole = true
}

// pass lets others have the turn. What they have queued is not run by the caller: it may
// hold what that waits for.
func (t *turns) pass() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.over:
		t.queue = nil
		close(t.done)
	case len(t.queue) == 0:
		t.taken = false
	default:
		f := t.queue[0]
		t.queue = t.queue[1:]
		go t.run(f)
	}
}

// end has nothing run any more and waits for the one that has the turn.
func (t *turns) end() {
	t.mu.Lock()
	t.over = true
	if !t.taken {
		t.taken = true
		close(t.done)
	}
	t.mu.Unlock()
	<-t.done
}
