package rsp

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

// paper is a stream that notes what it is given, and by whom.
type paper struct {
	mu    sync.Mutex
	lines []string
	room  int // what is taken at once
}

func (p *paper) atOnce(b []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(p.room, len(b))
	p.lines = append(p.lines, "at once "+string(b[:n]))
	return n
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, "writer "+string(b[:min(len(b), 8)]))
	return len(b), nil
}

func TestOutputIsWrittenByWhoeverPutsItWhileTheStreamTakesIt(t *testing.T) {
	p := &paper{room: 8}
	o := newOutbox(0)
	o.atOnce = p.atOnce
	put := func(text string) {
		if err := o.put(func(dst []byte) []byte { return append(dst, text...) }); err != nil {
			t.Fatal(err)
		}
	}
	put("short")
	o.hold()
	put("+")
	put("$g#67")
	o.release()
	o.release() // nothing is left
	put("more than 8")
	put("behind") // what is left of it
	long := strings.Repeat("l", shortOutput)
	put(long)
	o.close()
	if err := o.drain(p); err != nil {
		t.Fatal(err)
	}
	want := []string{"at once short", "at once +$g#67", "at once more tha", "at once n 8behin", "writer dlllllll"}
	if !slices.Equal(p.lines, want) {
		t.Errorf("got %q, want %q", p.lines, want)
	}
}
