package vm

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"
)

func testConsole(file io.Writer, on func([]byte)) (*Console, io.Writer) {
	c := newConsole(file, on, slog.New(slog.DiscardHandler))
	return c, receiver{c}
}

func TestConsoleKeepsRawBytesAndPassesThemOn(t *testing.T) {
	var file, seen bytes.Buffer
	c, w := testConsole(&file, func(p []byte) { seen.Write(p) })
	for _, s := range []string{"one\r\n", "\x1b[31mtwo\n"} {
		if _, err := io.WriteString(w, s); err != nil {
			t.Fatal(err)
		}
	}
	const want = "one\r\n\x1b[31mtwo\n"
	if p, start := c.Since(0); string(p) != want || start != 0 || file.String() != want || seen.String() != want {
		t.Errorf("held %q from %d, logged %q, passed on %q", p, start, &file, &seen)
	}
	if p, start := c.Since(99); len(p) != 0 || start != c.Offset() {
		t.Errorf("beyond the end: %q from %d", p, start)
	}
	if got := c.Tail(12); string(got) != "\x1b[31mtwo\n" {
		t.Errorf("tail is %q, not a whole line", got)
	}
}

func TestConsoleForgetsTheOldest(t *testing.T) {
	c, w := testConsole(nil, nil)
	line := bytes.Repeat([]byte("x"), 64<<10)
	for range 100 {
		if _, err := w.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	p, start := c.Since(0)
	if len(p) < consoleRing || len(p) > 2*consoleRing || start+int64(len(p)) != 100*int64(len(line)) {
		t.Errorf("holds %d bytes from %d", len(p), start)
	}
}

func TestConsoleSurvivesAFullDisk(t *testing.T) {
	c, w := testConsole(brokenWriter{}, nil)
	if _, err := io.WriteString(w, "hello"); err != nil {
		t.Errorf("the guest would be stopped: %v", err)
	}
	if p, _ := c.Since(0); string(p) != "hello" {
		t.Errorf("holds %q", p)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestWaitForFindsAMarkerThatComesInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, w := testConsole(nil, nil)
		found := make(chan int64)
		go func() {
			off, err := c.WaitFor(t.Context(), 0, "READY")
			if err != nil {
				t.Error(err)
			}
			found <- off
		}()
		for _, s := range []string{"boot\nRE", "AD", "Y\nmore"} {
			synctest.Wait()
			if _, err := io.WriteString(w, s); err != nil {
				t.Fatal(err)
			}
		}
		if off := <-found; off != int64(len("boot\nREADY")) {
			t.Errorf("found at %d", off)
		}
	})
}

func TestWaitForEndsWithItsContextAndWithQEMU(t *testing.T) {
	c, _ := testConsole(nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.WaitFor(ctx, 0, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	c.finish()
	if _, err := c.WaitFor(t.Context(), 0, "x"); !errors.Is(err, io.EOF) {
		t.Errorf("QEMU ended: %v", err)
	}
}

func TestPrintable(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain text and UTF-8 stay", "a\tb\nüñ€", "a\tb\nüñ€"},
		{"serial line ends become newlines", "a\r\nb\r\r\n", "a\nb\n"},
		{"a carriage return cannot overwrite", "good\rbad", `good\x0dbad`},
		{"escape sequences", "\x1b]0;title\x07", `\x1b]0;title\x07`},
		{"C1 controls", "\u009b31m", `\u009b31m`},
		{"bidirectional marks and line separators", "a\u202eb\u2066c\u2028d", `a\u202eb\u2066c\u2028d`},
		{"delete and zero", "\x7f\x00", `\x7f\x00`},
		{"the replacement character itself", "\ufffd", "\ufffd"},
		{"bytes that are no UTF-8", "\xff\xfe", `\xff\xfe`},
	}
	for _, test := range tests {
		if got := Printable([]byte(test.in)); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestPrintableLine(t *testing.T) {
	for in, want := range map[string]string{
		"a task's name": "a task's name", "a\nb\r\n": `a\nb\n`, "a\tb": "a b", "\x1b[2J": `\x1b[2J`,
	} {
		if got := PrintableLine(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// FuzzPrintable: no control character but newline and tab survives, lines stay lines.
func FuzzPrintable(f *testing.F) {
	f.Add([]byte("\x1b[2J\r\n"))
	f.Add([]byte("\xc2\x9b"))
	f.Fuzz(func(t *testing.T, p []byte) {
		s := Printable(p)
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) }) {
			t.Errorf("%q became %q", p, s)
		}
		if strings.Count(s, "\n") != bytes.Count(p, []byte("\n")) {
			t.Errorf("lines of %q were lost in %q", p, s)
		}
	})
}
