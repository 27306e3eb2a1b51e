package rsp

import (
	"io"
	"sync"
)

// Recorder writes a transcript of one link, in the format that rsptest replays.
type Recorder struct {
	mu sync.Mutex // both directions record
	w  io.Writer
}

// NewRecorder returns a recorder to w.
func NewRecorder(w io.Writer) *Recorder { return &Recorder{w: w} }
