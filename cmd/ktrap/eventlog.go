package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Bounds on a reader of events that does not read: how many wait for it, and
// for how long it is waited for at the end.
const (
	eventQueue = 1024
	eventFlush = 2 * time.Second
)

// eventLog writes events as JSON lines. A reader that is slow or gone costs
// events, never the session its pace. It has one goroutine, which close joins
// unless the reader holds it up.
type eventLog struct {
	queue   chan event
	lost    int // since the queue was full; owned by the caller of put
	written chan struct{}
}

func newEventLog(w io.Writer) *eventLog {
	l := &eventLog{queue: make(chan event, eventQueue), written: make(chan struct{})}
	go func() {
		defer close(l.written)
		out := json.NewEncoder(w)
		for e := range l.queue {
			_ = out.Encode(e) // a reader that went away must not stop the proxy
		}
	}()
	return l
}

// put queues an event; it does not wait.
func (l *eventLog) put(e event) {
	if l.lost > 0 {
		note := event{Event: "note", Time: e.Time, Text: fmt.Sprintf("%d events were lost: nobody read them in time", l.lost)}
		select {
		case l.queue <- note:
			l.lost = 0
		default:
		}
	}
	select {
	case l.queue <- e:
	default:
		l.lost++
	}
}

// close writes what waits, as far as it is read.
func (l *eventLog) close() {
	close(l.queue)
	select {
	case <-l.written:
	case <-time.After(eventFlush):
	}
}
