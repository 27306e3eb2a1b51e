package vm

import (
	"io"
	"strings"
	"sync"
)

// tail keeps the last bytes written to it.
type tail struct {
	limit int
	mu    sync.Mutex // exec's copier writes, anybody reads
	b     []byte
}

var _ io.Writer = (*tail)(nil)

// Write keeps the end of what was written.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - t.limit; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

// String gives what was kept, made harmless.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(Printable(t.b))
}
