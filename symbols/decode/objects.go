package decode

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"ktrap/symbols/oops"
)

// maxWaiting bounds the crashes that wait for what comes after them: whether the
// kernel panicked in the end.
const maxWaiting = 64

// objects writes crashes as JSON, in the order in which they began.
type objects struct {
	a       *Annotator
	out     *json.Encoder
	waiting []waiting
}

// waiting is a crash whose report is complete, with the kernel it was answered from.
type waiting struct {
	o oops.Oops
	c *Crash
}

// JSON writes one object per crash and nothing for a log without any. Objects come
// in the order of appearance, at the end of the log or when Idle says that nothing
// has come for a while; a log with very many crashes has its first ones earlier.
// It gives the number of crashes.
// Errors: of reading and writing; wraps ErrRefused.
func JSON(w io.Writer, r io.Reader, o *Options) (int, error) {
	quiet := *o
	quiet.Layout = none
	a, err := NewAnnotator(io.Discard, &quiet)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	j := &objects{a: a, out: json.NewEncoder(redacted(w, a.redact))}
	j.out.SetEscapeHTML(false)
	a.each = j.add
	if i, ok := r.(Idler); ok {
		i.OnIdle(j.idle)
	}
	if err := a.Run(r); err != nil {
		_ = j.flush(0) // the error to tell is the first
		return a.crashes, err
	}
	return a.crashes, j.flush(0)
}

// Idler is a reader that calls a function when it has waited a while in vain.
type Idler interface{ OnIdle(func() error) }

// none is no layout: for who wants objects.
const none Layout = "none"

func (j *objects) add(o *oops.Oops) error {
	c := j.a.crashOf(o)
	if j.a.redact != nil {
		c.ReportText = j.a.redact.text(c.ReportText) // as JSON its lines are not seen as such
	}
	j.waiting = append(j.waiting, waiting{*o, c})
	if len(j.waiting) > maxWaiting {
		return j.flush(maxWaiting / 2)
	}
	return nil
}

// idle ends the reports that are open, and writes everything.
func (j *objects) idle() error {
	j.a.finish()
	return errors.Join(j.a.failed, j.flush(0))
}

// flush writes all but the last few crashes.
func (j *objects) flush(keep int) error {
	slices.SortStableFunc(j.waiting, func(x, y waiting) int { return x.o.Start - y.o.Start })
	n := max(0, len(j.waiting)-keep)
	for i := range j.waiting[:n] {
		w := &j.waiting[i]
		j.a.crash.Judge(&w.o)
		w.c.Panicked, w.c.Suppressed = w.o.Panicked, w.o.Suppressed
		if err := j.out.Encode(w.c); err != nil {
			return err
		}
	}
	j.waiting = slices.Delete(j.waiting, 0, n)
	return nil
}

// redacted takes private things out of what is written; r may be nil.
func redacted(w io.Writer, r *redactor) io.Writer {
	if r == nil {
		return w
	}
	return &redactingWriter{w, r}
}

// redactingWriter redacts whole objects, as the encoder writes them.
type redactingWriter struct {
	w io.Writer
	r *redactor
}

func (w *redactingWriter) Write(p []byte) (int, error) {
	if _, err := w.w.Write(w.r.line(bytes.Clone(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
