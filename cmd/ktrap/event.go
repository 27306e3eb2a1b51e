package main

import (
	"time"

	"ktrap/session"
)

// event is one line of serve's output; docs/serve.md describes it.
type event struct {
	Event  string    `json:"event"`
	Time   time.Time `json:"time"`
	Text   string    `json:"text,omitempty"`
	Path   string    `json:"path,omitempty"`
	Error  string    `json:"error,omitempty"`
	Title  string    `json:"title,omitempty"`
	Class  string    `json:"class,omitempty"`
	CPU    *int      `json:"cpu,omitempty"`
	Stops  *bool     `json:"stops,omitempty"` // a trap: the guest stays stopped
	Status *int      `json:"status,omitempty"`

	Address string   `json:"address,omitempty"` // ready, listen: where gdb may connect
	Release string   `json:"release,omitempty"` // ready
	Slide   string   `json:"slide,omitempty"`
	Method  string   `json:"method,omitempty"` // how the slide was found
	Traps   *int     `json:"traps,omitempty"`
	Took    *float64 `json:"took,omitempty"` // seconds until the traps were armed
	Proven  *bool    `json:"proven,omitempty"`
}

func newEvent(e session.Event) event {
	out := event{Event: string(e.Kind), Time: e.Time, Text: e.Text, Path: e.Path}
	if e.Err != nil {
		out.Error = e.Err.Error()
	}
	if e.Crash != nil {
		r := e.Crash.Report
		out.Title, out.Class, out.CPU, out.Stops = r.Title, string(r.Class), &r.CPU, &e.Shown
	}
	if e.Kind == session.Ready {
		a := e.Armed
		out.Release, out.Slide, out.Method = a.Release, a.Slide.String(), a.Method
		out.Traps, out.Took, out.Proven = new(a.Traps), new(a.Took.Seconds()), new(a.Proven)
	}
	return out
}
