package main

import (
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
)

func TestEventsAreWrittenInOrderUpToTheLast(t *testing.T) {
	r, w := io.Pipe()
	go func() {
		l := newEventLog(w)
		for i := range 100 {
			l.put(event{Event: "note", Text: fmt.Sprint(i)})
		}
		l.close()
		w.Close()
	}()
	in := json.NewDecoder(r)
	for i := range 100 {
		var e event
		if err := in.Decode(&e); err != nil || e.Text != fmt.Sprint(i) {
			t.Fatalf("event %d is %+v, %v", i, e, err)
		}
	}
}

func TestAReaderThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		l := newEventLog(w)
		for range 2 * eventQueue {
			l.put(event{Event: "note"})
		}
		l.close() // or the test ends in a deadlock
		if l.lost == 0 {
			t.Error("an endless queue")
		}
		r.Close() // lets the writer go
	})
}

func TestLostEventsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		l := newEventLog(w)
		synctest.Wait()
		for range eventQueue + 6 {
			l.put(event{Event: "trap"})
		}
		in, lost := json.NewDecoder(r), l.lost
		var e event
		for range eventQueue + 6 - lost {
			if err := in.Decode(&e); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		l.put(event{Event: "ready"})
		want := fmt.Sprintf("%d events were lost: nobody read them in time", lost)
		if err := in.Decode(&e); err != nil || e.Text != want {
			t.Errorf("got %+v, %v; want %q", e, err, want)
		}
		if err := in.Decode(&e); err != nil || e.Event != "ready" {
			t.Errorf("then came %+v, %v", e, err)
		}
		l.close()
	})
}
