package guest

import (
	"io"
	"sync"
)

// gate lets writes through one at a time, until it is shut.
type gate struct {
	mu   sync.Mutex // x/crypto copies stdout and stderr on two goroutines
	done bool
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done = true
}

func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.done
}

func (g *gate) pass(w io.Writer) io.Writer {
	if w == nil {
		w = io.Discard
	}
	return &gated{g, w}
}

type gated struct {
	gate *gate
	w    io.Writer
}

// Write passes p on, or fails when the gate is shut.
func (g *gated) Write(p []byte) (int, error) {
	g.gate.mu.Lock()
	defer g.gate.mu.Unlock()
	if g.gate.done {
		return 0, io.ErrClosedPipe
	}
	return g.w.Write(p)
}

// gatedReader stops reading once the gate is shut. A Read that has begun is
// not waited for: it may block for ever.
type gatedReader struct {
	gate *gate
	r    io.Reader
}

// Read passes on what r has, or fails when the gate is shut.
func (g *gatedReader) Read(p []byte) (int, error) {
	if g.gate.isShut() {
		return 0, io.ErrClosedPipe
	}
	return g.r.Read(p)
}
