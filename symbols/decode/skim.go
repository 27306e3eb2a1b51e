package decode

import (
	"bytes"
	"io"
	"sync"

	"ktrap/symbols/oops"
)

// words are what a line must hold to be read at all.
var words = sync.OnceValue(func() *oops.Words {
	return oops.NewWords("+0x", "0xff", "[<ff", "Linux version ", " Comm: ", "Kernel Offset: ", "Call Trace:", "Call trace:", "Code: ", Mark)
})

// skimmer reads a log for [oops.Lines] and passes over what nothing is in: that
// goes out as it came, many lines at once. It writes out what there is before it
// waits for more.
type skimmer struct {
	a       *Annotator
	r       io.Reader
	buf     []byte // read and not yet passed on
	err     error  // of r, for when buf is empty
	skimmed int    // bytes passed over
	inLine  bool   // Lines has the beginning of a line
	space   []byte
}

// bufferSize is what is read at once.
const bufferSize = 256 << 10

// Read gives what Lines has to see. When it asks it has no whole line left.
func (s *skimmer) Read(p []byte) (int, error) {
	for {
		if !s.inLine && s.a.idle() {
			s.skim()
		}
		if n := s.ready(len(p)); n > 0 {
			copy(p, s.buf[:n])
			s.buf = s.buf[n:]
			s.inLine = p[n-1] != '\n'
			return n, nil
		}
		if s.err != nil {
			return 0, s.err
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// skim passes over the lines at the front in which nothing is.
func (s *skimmer) skim() {
	whole := bytes.LastIndexByte(s.buf, '\n') + 1
	n := s.a.crash.Skim(s.buf[:whole], words())
	if n == 0 {
		return
	}
	s.a.pass(s.buf[:n])
	s.skimmed += n
	s.buf = s.buf[n:]
}

// ready gives how much Lines gets: while nothing is open only the line that is
// worth reading, else what there is. The beginning of a line waits for its end.
func (s *skimmer) ready(room int) int {
	n := min(len(s.buf), room)
	if s.inLine || !s.a.idle() {
		return n
	}
	if end := bytes.IndexByte(s.buf[:n], '\n'); end >= 0 {
		return end + 1
	}
	if s.err != nil || n == room || len(s.buf) >= bufferSize {
		return n
	}
	return 0
}

// fill reads more.
func (s *skimmer) fill() error {
	if err := s.a.out.Flush(); err != nil {
		return err
	}
	if s.space == nil {
		s.space = make([]byte, 2*bufferSize)
	}
	kept := copy(s.space, s.buf)
	n, err := s.r.Read(s.space[kept : kept+bufferSize])
	s.buf, s.err = s.space[:kept+n], err
	return nil
}

// idle says whether the next line is to be seen only if something is in it.
func (a *Annotator) idle() bool {
	return len(a.expect) == 0 && !a.regs.open && a.redact == nil && a.o.Printable == nil
}

// pass puts out lines that were not read.
func (a *Annotator) pass(lines []byte) {
	a.out.Write(lines)
	last := lines[bytes.LastIndexByte(lines[:len(lines)-1], '\n')+1:]
	_, end := cutEnd(last)
	a.end = append(a.end[:0], end...)
	a.passed = a.passed[:0]
}
