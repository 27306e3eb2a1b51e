package rsp

import (
	"errors"
	"reflect"
	"testing"
)

func TestStopRepliesAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want StopReply
	}{
		"a bare signal":             {"S05", StopReply{Kind: Stopped, Signal: 5}},
		"QEMU without multiprocess": {"T02thread:01;", StopReply{Kind: Stopped, Signal: 2, Thread: ThreadID{0, 1}}},
		"QEMU with multiprocess":    {"T05thread:p01.0a;", StopReply{Kind: Stopped, Signal: 5, Thread: ThreadID{1, 10}}},
		"QEMU at a watchpoint": {"T05thread:p01.01;rwatch:ffff888000000010;",
			StopReply{Kind: Stopped, Signal: 5, Thread: ThreadID{1, 1}, Reason: RWatch, WatchAddr: 0xffff888000000010}},
		"registers, one of them unknown": {"T0506:0000000000000000;07:f0e1;10:xxxx;thread:2;",
			StopReply{Kind: Stopped, Signal: 5, Thread: ThreadID{0, 2}, Regs: []ExpeditedReg{{6, make([]byte, 8)}, {7, []byte{0xf0, 0xe1}}}}},
		"keys that look like registers are not": {"T05awatch:10;", StopReply{Kind: Stopped, Signal: 5, Reason: AWatch, WatchAddr: 16}},
		"a change of modules":                   {"T05library:;thread:1;", StopReply{Kind: Stopped, Signal: 5, Reason: Library, Thread: ThreadID{0, 1}}},
		"an end of a recording":                 {"T05replaylog:begin;", StopReply{Kind: Stopped, Signal: 5, Reason: ReplayLog, Detail: "begin"}},
		"what nobody knows":                     {"T05core:3;zz;", StopReply{Kind: Stopped, Signal: 5, Extra: []StopField{{"core", "3"}, {"zz", ""}}}},
		"an event of processes":                 {"T05fork:p2.2;", StopReply{Kind: Stopped, Signal: 5, Reason: OtherEvent, Extra: []StopField{{"fork", "p2.2"}}}},
		"an exit":                               {"W00;process:1", StopReply{Kind: Exited, Extra: []StopField{{"process", "1"}}}},
		"a death":                               {"X09", StopReply{Kind: Terminated, Signal: 9}},
		"nothing left to wait for":              {"N", StopReply{Kind: NoResumed}},
	} {
		got, err := ParseStopReply([]byte(c.body))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestBrokenStopRepliesAreSyntaxErrors(t *testing.T) {
	for _, body := range []string{"", "T", "T0", "Txx", "S055", "OK", "E01", "NN", "T05thread:;", "T05thread:g;", "T05:1;",
		"T05watch:;", "T05watch:10000000000000000;", "T0500:1;", "T0500:zz;", "T05ffffffff:00;", "T05thread:p1.800000000;"} {
		got, err := ParseStopReply([]byte(body))
		if _, ok := errors.AsType[*SyntaxError](err); !ok || !reflect.DeepEqual(got, StopReply{}) {
			t.Errorf("%q: %+v, %v", body, got, err)
		}
	}
}

// FuzzStopReply: an error exactly when the reply is zero; what is read can be
// said and read again.
func FuzzStopReply(f *testing.F) {
	for _, s := range []string{"S05", "T05thread:p01.01;", "T0506:00;rwatch:10;thread:-1;", "W00;process:1", "N", "T05replaylog:begin;swbreak:;fork:1;", "T05library:x;awatch:1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := ParseStopReply(body)
		if (err != nil) != reflect.DeepEqual(s, StopReply{}) {
			t.Fatalf("%q: %+v with error %v", body, s, err)
		}
		if err != nil {
			return
		}
		said := s.Append(nil)
		again, err := ParseStopReply(said)
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("%q: %+v, said as %q and read as %+v, %v", body, s, said, again, err)
		}
	})
}

func FuzzThreadID(f *testing.F) {
	for _, s := range []string{"1", "-1", "p1.2", "p1", "p1.-1", "p-1.-1", "0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseThreadID(s)
		if err != nil {
			if id != (ThreadID{}) {
				t.Fatalf("%q: %v with error %v", s, id, err)
			}
			return
		}
		if again, err := ParseThreadID(id.String()); err != nil || again != id {
			t.Fatalf("%q: %+v, said as %v, read as %+v, %v", s, id, id, again, err)
		}
	})
}
