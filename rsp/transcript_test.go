package rsp

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestTranscriptLinesAreRead(t *testing.T) {
	got, err := ReadTranscript(strings.NewReader("# comment\n\n-> $a\\x03\\n\\\\b\n<- %Stop:T05\n-> ^C\n<- -\n-> +\n<- $\n"))
	want := []Entry{{ToStub, Message{Packet, []byte("a\x03\n\\b")}}, {FromStub, Message{Notification, []byte("Stop:T05")}},
		{ToStub, Message{Kind: Interrupt}}, {FromStub, Message{Kind: Nack}}, {ToStub, Message{Kind: Ack}}, {FromStub, Message{Packet, []byte{}}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestBrokenTranscriptLinesAreNamed(t *testing.T) {
	for _, line := range []string{"$g", "-> g", "=> $g", "-> ^C3", "-> $\\", "-> $\\x", "-> $\\xg0", "-> $\\q", "<- +1", "->$g"} {
		_, err := ReadTranscript(strings.NewReader("# head\n" + line + "\n"))
		if _, ok := errors.AsType[*SyntaxError](err); !ok || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// FuzzEntry: an error exactly when the entry is zero; what is read is written
// and read again; a line never breaks.
func FuzzEntry(f *testing.F) {
	for _, s := range []string{"-> $a\\x03\\n\\\\b", "<- %Stop:T05", "-> ^C", "<- -", "-> $"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := ParseEntry(line)
		if (err != nil) != reflect.DeepEqual(e, Entry{}) {
			t.Fatalf("%q: %+v with error %v", line, e, err)
		}
		if err != nil {
			return
		}
		written := e.Append(nil)
		again, err := ParseEntry(written)
		if err != nil || !reflect.DeepEqual(again, e) || bytes.ContainsAny(written, "\n\r\x1b") {
			t.Fatalf("%q: %+v, written as %q, read as %+v, %v", line, e, written, again, err)
		}
	})
}

// full is a writer that has no room after n bytes.
type full struct{ n int }

func (f *full) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestARecorderStopsAtItsFirstError(t *testing.T) {
	r := NewRecorder(&full{len(TranscriptHeader) + 1 + len("-> $g\n")})
	r.record(ToStub, Packet, []byte("g"))
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	r.Note("one\ntwo")
	if err := r.Err(); err == nil || err.Error() != "disk full" {
		t.Errorf("error %v", err)
	}
	var none *Recorder
	none.record(ToStub, Packet, nil)
	none.Note("nothing happens")
}

func TestNotesStayOnOneLine(t *testing.T) {
	var b bytes.Buffer
	NewRecorder(&b).Note("attached\x1b[1m\nat last")
	if want := TranscriptHeader + "\n# attached\\x1b[1m\\nat last\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
