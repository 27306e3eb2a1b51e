package main

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"ktrap/session"
	"ktrap/session/kernel"
)

// told collects what a narrator puts out, as JSON gives it to a reader.
func told(t *testing.T, list *[]map[string]any) func(event) {
	return func(e event) {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]any
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatal(err)
		}
		*list = append(*list, out)
	}
}

func TestReadyTellsItsValuesAndWhereGDBMayConnect(t *testing.T) {
	var out []map[string]any
	n := &narrator{put: told(t, &out)}
	n.hear(session.Event{Kind: session.Ready, Text: "x", Armed: session.Armed{
		Release: "6.1.0", Slide: 0x1a00000, Method: "IDT", Traps: 21, Took: 8 * time.Millisecond, Proven: true,
	}})
	if len(out) != 0 {
		t.Fatalf("told before the port was open: %v", out)
	}
	n.open("127.0.0.1:35671")
	n.hear(session.Event{Kind: session.GuestDown, Text: "reset"})
	n.hear(session.Event{Kind: session.Ready})
	if err := n.end(nil); err != nil {
		t.Error(err)
	}
	var kinds []any
	for _, e := range out {
		kinds = append(kinds, e["event"])
	}
	if len(out) != 5 || kinds[0] != "listen" || kinds[1] != "ready" || kinds[2] != "reset" || kinds[3] != "ready" || kinds[4] != "exit" {
		t.Fatalf("told %v", kinds)
	}
	for field, want := range map[string]any{
		"address": "127.0.0.1:35671", "release": "6.1.0", "slide": "0x1a00000", "method": "IDT", "traps": 21.0, "took": 0.008, "proven": true,
	} {
		if out[1][field] != want {
			t.Errorf("%s is %v, want %v", field, out[1][field], want)
		}
	}
	if out[3]["address"] != "127.0.0.1:35671" || out[4]["status"] != 0.0 || out[4]["error"] != nil {
		t.Errorf("told %v and %v", out[3], out[4])
	}
}

func TestTheLastEventSaysHowItEnded(t *testing.T) {
	mismatch := &kernel.MismatchError{}
	for _, tt := range []struct {
		name   string
		events []session.Event
		err    error
		status int
		why    string
	}{
		{"nothing happened", nil, nil, exitDone, ""},
		{"a crash was caught", []session.Event{{Kind: session.TrapHit}}, nil, exitCrash, ""},
		{"no session came about", nil, errors.New("no stub"), exitFailed, "no stub"},
		{"ktrap failed after a crash", []session.Event{{Kind: session.TrapHit}}, errors.New("no"), exitFailed, "no"},
		{"vmlinux was refused once the guest had booted", []session.Event{{Kind: session.Refused, Err: mismatch}}, nil, exitFailed, mismatch.Error()},
		{"vmlinux was refused until the next boot", []session.Event{{Kind: session.Refused, Err: mismatch}, {Kind: session.Ready}}, nil, exitDone, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out []map[string]any
			n := &narrator{put: told(t, &out)}
			for _, e := range tt.events {
				n.hear(e)
			}
			err := n.end(tt.err)
			last := out[len(out)-1]
			why, _ := last["error"].(string)
			if last["event"] != "exit" || last["status"] != float64(tt.status) || why != tt.why || statusOf(err) != tt.status {
				t.Errorf("last event %v, exit status %d", last, statusOf(err))
			}
		})
	}
}
