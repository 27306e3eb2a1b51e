package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// JSON writes report.json.
func JSON(w io.Writer, r *Report) error {
	c := *r
	c.Schema = Schema
	c.fill()
	if err := encode(w, &c); err != nil {
		return fmt.Errorf("write %s: %w", jsonFile, err)
	}
	return nil
}

// sessionJSON is session.json.
func sessionJSON(r *Report) ([]byte, error) {
	s := r.Session
	s.Schema = Schema
	notNil(&s.CommandLine)
	notNil(&s.QEMU)
	notNil(&s.Modules)
	notNil(&s.Reproducer.Command)
	notNil(&s.Again)
	var b bytes.Buffer
	if err := encode(&b, &s); err != nil {
		return nil, fmt.Errorf("write %s: %w", sessionFile, err)
	}
	return b.Bytes(), nil
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// fill puts empty lists where there are none, so that programs find [] and not
// null. The lists inside lists are copied first: the caller's stay as they are.
func (r *Report) fill() {
	r.Threads, r.Source = slices.Clone(r.Threads), slices.Clone(r.Source)
	for i := range r.Threads {
		notNil(&r.Threads[i].Frames)
	}
	for i := range r.Source {
		notNil(&r.Source[i].Lines)
	}
	notNil(&r.AltTitles)
	notNil(&r.Registers)
	notNil(&r.Frames)
	notNil(&r.Code)
	notNil(&r.Source)
	notNil(&r.Modules)
	notNil(&r.Threads)
	notNil(&r.Incomplete)
}

func notNil[S ~[]E, E any](s *S) {
	if *s == nil {
		*s = S{}
	}
}
