package main

import (
	"io"
	"time"
)

// patience is how long a console may say nothing before what it said is taken for
// whole. A crashed machine says nothing more, and its report should not wait for
// the end of the stream.
const patience = 5 * time.Second

// patientReader reads a stream and says when nothing has come for a while.
type patientReader struct {
	patience time.Duration
	idle     func() error

	chunks chan chunk    // from read
	done   chan struct{} // closed by stop
	rest   []byte
	err    error
}

type chunk struct {
	data []byte
	err  error
}

// newPatientReader starts a goroutine that reads r until it ends, or until stop
// and one more answer of r.
func newPatientReader(r io.Reader, patience time.Duration) *patientReader {
	p := &patientReader{patience: patience, chunks: make(chan chunk), done: make(chan struct{})}
	go p.read(r)
	return p
}

func (p *patientReader) read(r io.Reader) {
	// Who takes a chunk has used up the one before, so two buffers are enough.
	bufs := [2][]byte{make([]byte, 64<<10), make([]byte, 64<<10)}
	for i := 0; ; i ^= 1 {
		buf := bufs[i]
		n, err := r.Read(buf)
		select {
		case p.chunks <- chunk{buf[:n], err}:
		case <-p.done:
			return
		}
		if err != nil {
			return
		}
	}
}

func (p *patientReader) stop() { close(p.done) }

// OnIdle sets what is called when nothing has come for a while, by whoever reads.
func (p *patientReader) OnIdle(f func() error) { p.idle = f }

// Read gives what there is.
func (p *patientReader) Read(b []byte) (int, error) {
	for len(p.rest) == 0 && p.err == nil {
		if err := p.wait(); err != nil {
			return 0, err
		}
	}
	n := copy(b, p.rest)
	if p.rest = p.rest[n:]; len(p.rest) == 0 {
		return n, p.err
	}
	return n, nil
}

// wait takes the next chunk; it calls idle once if that takes long.
func (p *patientReader) wait() error {
	var c chunk
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	select {
	case c = <-p.chunks:
	case <-timer.C:
		if p.idle != nil {
			if err := p.idle(); err != nil {
				return err
			}
		}
		c = <-p.chunks
	}
	p.rest, p.err = c.data, c.err
	return nil
}
