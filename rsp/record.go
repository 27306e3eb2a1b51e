package rsp

import (
	"io"
	"sync"
)

// TranscriptHeader is the first line of a transcript.
const TranscriptHeader = "# rsp transcript, version 1"

// Recorder writes a transcript of one link: what [Entry] says, one line each.
// A nil Recorder records nothing.
type Recorder struct {
	mu  sync.Mutex // reader and writers of a link record
	w   io.Writer
	buf []byte
	err error
}

// NewRecorder returns a recorder to w.
func NewRecorder(w io.Writer) *Recorder {
	r := &Recorder{w: w}
	r.write(append([]byte(TranscriptHeader), '\n'))
	return r
}

// Note writes a comment.
func (r *Recorder) Note(text string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf = append(r.buf[:0], "# "...)
	r.buf = append(appendQuoted(r.buf, []byte(text)), '\n')
	r.write(r.buf)
}

// record writes a message. Acknowledgements are left out: they follow from
// the packets.
func (r *Recorder) record(d Direction, kind Kind, body []byte) {
	if r == nil || kind == Ack {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf = Entry{d, Message{kind, body}}.Append(r.buf[:0])
	r.buf = append(r.buf, '\n')
	r.write(r.buf)
}

func (r *Recorder) write(b []byte) {
	if r.err == nil {
		_, r.err = r.w.Write(b)
	}
}

// Err returns the first error of writing. Nothing is recorded after it.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}
