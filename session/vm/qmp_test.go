package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
)

// fakeMonitor answers each command with what answer returns.
func fakeMonitor(t *testing.T, answer func(command string, id uint64) string) *QMP {
	t.Helper()
	ours, theirs := net.Pipe()
	q := newQMP(ours, nil)
	done := make(chan struct{}, 2) // one for each goroutine, so that neither waits for the test
	go func() { q.read(); done <- struct{}{} }()
	go func() {
		defer func() { theirs.Close(); done <- struct{}{} }()
		fmt.Fprintln(theirs, `{"QMP": {"version": {}}}`)
		for s := bufio.NewScanner(theirs); s.Scan(); {
			var m struct {
				Execute string
				ID      uint64
			}
			if err := json.Unmarshal(s.Bytes(), &m); err != nil {
				t.Errorf("command %q: %v", s.Bytes(), err)
				return
			}
			text := answer(m.Execute, m.ID)
			if text == "" {
				return
			}
			fmt.Fprintln(theirs, text)
		}
	}()
	t.Cleanup(func() { ours.Close(); <-done; <-done })
	return q
}

func TestQMPStatus(t *testing.T) {
	q := fakeMonitor(t, func(_ string, id uint64) string {
		return fmt.Sprintf(`{"event":"RESUME"}`+"\n"+`{"return":{"status":"running"},"id":%d}`, id)
	})
	if s, err := q.Status(t.Context()); s != "running" || err != nil {
		t.Errorf("status is %q, %v", s, err)
	}
}

func TestQMPRefusalIsTyped(t *testing.T) {
	q := fakeMonitor(t, func(_ string, id uint64) string {
		return fmt.Sprintf(`{"error":{"class":"GenericError","desc":"no"},"id":%d}`, id)
	})
	err := q.Stop(t.Context())
	if refused, ok := errors.AsType[*QMPError](err); !ok || refused.Class != "GenericError" {
		t.Errorf("got %v", err)
	}
}

func TestQMPAnswerThatCameTooLateIsNotTakenForTheNext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	late := ""
	q := fakeMonitor(t, func(command string, id uint64) string {
		if command == "stop" {
			late = fmt.Sprintf(`{"return":{"status":"late"},"id":%d}`, id)
			cancel()
			return `{"event":"STOP"}`
		}
		return late + "\n" + fmt.Sprintf(`{"return":{"status":"now"},"id":%d}`, id)
	})
	if err := q.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s, err := q.Status(t.Context()); s != "now" || err != nil {
		t.Errorf("status is %q, %v", s, err)
	}
}

func TestQMPQuitSucceedsWhenQEMUIsGoneBeforeItAnswers(t *testing.T) {
	q := fakeMonitor(t, func(string, uint64) string { return "" })
	if err := q.Quit(t.Context()); err != nil {
		t.Error(err)
	}
	if err := q.Stop(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("a later command gave %v", err)
	}
}

func TestQMPGarbageEndsTheConnection(t *testing.T) {
	q := fakeMonitor(t, func(string, uint64) string { return "garbage" })
	if err := q.Stop(t.Context()); err == nil {
		t.Error("garbage was taken for an answer")
	}
}
