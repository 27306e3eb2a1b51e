package session

import (
	"time"

	"ktrap/symbols/addr"
)

// EventKind names what happened, in the words of `ktrap serve`.
type EventKind string

// The kinds of events.
const (
	Ready     EventKind = "ready"     // the kernel is known and the traps are armed
	TrapHit   EventKind = "trap"      // a trap was hit; Crash is its report
	Reported  EventKind = "report"    // a report directory was written; Path
	Modules   EventKind = "module"    // the list of modules changed; Text
	GuestDown EventKind = "reset"     // the guest was reset; ktrap waits for its next kernel
	ClientHas EventKind = "client"    // gdb came or went; Text
	StubGone  EventKind = "stub-lost" // the stub's connection ended; Err
	Refused   EventKind = "refused"   // the guest has booted, but no vmlinux fits; Text, Err
	Note      EventKind = "note"      // something a person should know; Text
)

// Event is one thing that happened.
type Event struct {
	Kind  EventKind
	Time  time.Time
	Text  string
	Path  string
	Err   error
	Crash *Crash
	Shown bool  // TrapHit: the guest stays stopped
	Armed Armed // Ready
}

// Armed is what a kernel was found by, and what was set in it.
type Armed struct {
	Release string
	Slide   addr.Slide
	Method  string // how the slide was found
	Traps   int
	Took    time.Duration
	Proven  bool // vmlinux is the running kernel's; false only with Options.Force
}

// eventBuffer is how far a slow subscriber may lag before it loses events.
const eventBuffer = 256

// eventsLost is what it gets in their place.
const eventsLost = "events came faster than they were read: some are not shown"

// Subscribe returns a channel of events and a function that ends it.
// A subscriber that does not read loses events, which it is told, never the
// session its pace.
func (s *Session) Subscribe() (<-chan Event, func()) {
	c := make(chan Event, eventBuffer)
	_ = s.call(func() { s.watchers[c] = struct{}{} }) // after the loop's end there is nothing to hear
	return c, func() {
		_ = s.call(func() { delete(s.watchers, c) })
	}
}

// Tell shows a line to whoever hears of events, as a [Note].
func (s *Session) Tell(text string) { s.emit(Event{Kind: Note, Text: text}) }

// publish is for a turn of the loop.
func (s *Session) publish(e Event) {
	e.Time = time.Now().UTC()
	if s.opts.OnEvent != nil {
		s.opts.OnEvent(e)
	}
	for c := range s.watchers { // in which only the loop puts something
		switch len(c) {
		case eventBuffer:
		case eventBuffer - 1:
			c <- Event{Kind: Note, Time: e.Time, Text: eventsLost}
		default:
			c <- e
		}
	}
}

// emit publishes from any other goroutine.
func (s *Session) emit(e Event) {
	if s.call(func() { s.publish(e) }) != nil && s.ended {
		s.publish(e) // only serve's goroutine is left
	}
}
