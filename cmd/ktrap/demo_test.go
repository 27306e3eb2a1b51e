package main

import (
	"errors"
	"testing"

	"ktrap/session"
	"ktrap/session/repro"
)

func TestADemoWithoutItsCrashSaysWhy(t *testing.T) {
	c := &labDemoCmd{Crash: "null"}
	for _, tt := range []struct {
		name   string
		res    repro.Result
		status int
		want   string
	}{
		{"the crash", repro.Result{Verdict: repro.Crashed, Crash: new(session.Crash)}, exitDone, ""},
		{"no SSH", repro.Result{Verdict: repro.Infra, Err: errors.New("no SSH")}, exitInfra, "no SSH"},
		{"Ctrl-C", repro.Result{Verdict: repro.Cancelled}, exitFailed, "interrupted"},
		{"another kernel", repro.Result{Verdict: repro.Survived}, exitFailed, "crash null was not caught, the attempt survived: Linux 6.1.0 may not be built to notice it"},
	} {
		err := c.uncaught(&tt.res, "6.1.0")
		text := ""
		if err != nil {
			text = err.Error()
		}
		if statusOf(err) != tt.status || text != tt.want {
			t.Errorf("%s: status %d, %q, want %d and %q", tt.name, statusOf(err), text, tt.status, tt.want)
		}
	}
}
