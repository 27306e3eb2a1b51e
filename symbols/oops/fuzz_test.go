package oops

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func addFixtures(f *testing.F) {
	f.Helper()
	for _, path := range fixturePaths(f) {
		_, log, _ := fixture(f, path)
		f.Add(log)
	}
	f.Add([]byte("BUG: \n[ 1.0][T1] \r\nCall Trace:\n <IRQ> <IRQ> f+0x1/0x2\n</TASK>RIP: 0010:"))
}

// FuzzLines: the raw bytes of the lines are the stream, and the text of each
// line ends it but for '\r', '\n' and what terminals take for a command.
func FuzzLines(f *testing.F) {
	addFixtures(f)
	f.Fuzz(func(t *testing.T, log []byte) {
		var joined []byte
		for l, err := range Lines(bytes.NewReader(log)) {
			if err != nil {
				t.Fatal(err)
			}
			if l.Off != len(joined) {
				t.Fatalf("line at %d says it is at %d", len(joined), l.Off)
			}
			joined = append(joined, l.Raw...)
			clean := cleanText(l.Raw)
			if bytes.IndexByte(l.Raw, escape) < 0 && clean != strings.ReplaceAll(strings.TrimSuffix(string(l.Raw), "\n"), "\r", "") {
				t.Fatalf("%q is cleaned to %q", l.Raw, clean)
			}
			if !strings.HasSuffix(clean, l.Text) {
				t.Fatalf("text %q is not the end of %q", l.Text, l.Raw)
			}
		}
		if !bytes.Equal(joined, log) {
			t.Fatalf("lines give %q for %q", joined, log)
		}
	})
}

// FuzzOops: crashes lie in the text in order, have a class and a title, and
// their parts refer to each other rightly.
func FuzzOops(f *testing.F) {
	addFixtures(f)
	f.Fuzz(func(t *testing.T, log []byte) {
		last := -1
		for _, o := range Parse(log) {
			if o.Start <= last || o.End <= o.Start || o.End > len(log) {
				t.Fatalf("crash at %d to %d of %d, the one before at %d", o.Start, o.End, len(log), last)
			}
			last = o.Start
			if o.Class == "" || len(o.Title) > maxTitle || o.Corrupted != (o.CorruptedReason != "") {
				t.Fatalf("class %q, title %q, corrupted %v %q", o.Class, o.Title, o.Corrupted, o.CorruptedReason)
			}
			if o.Main >= len(o.Traces) || o.Main < 0 && len(o.Traces) > 0 {
				t.Fatalf("main stack %d of %d", o.Main, len(o.Traces))
			}
			for _, tr := range o.Traces {
				for _, b := range tr.Blocks {
					if b.At >= len(tr.Frames) || b.At >= 0 && b.User {
						t.Fatalf("block at frame %d of %d, user %v", b.At, len(tr.Frames), b.User)
					}
				}
			}
		}
	})
}

func TestLinesReportTheReadErrorBehindTheLastLine(t *testing.T) {
	broken := errors.New("serial line gone")
	r := io.MultiReader(strings.NewReader("one\ntwo"), iotest.ErrReader(broken))
	var texts []string
	var last error
	for l, err := range Lines(r) {
		if err != nil {
			last = err
			break
		}
		texts = append(texts, l.Text)
	}
	if strings.Join(texts, "|") != "one|two" || !errors.Is(last, broken) {
		t.Errorf("lines %q, error %v", texts, last)
	}
}

func TestLongLinesComeInPiecesWithoutLoss(t *testing.T) {
	log := bytes.Repeat([]byte("x"), 3*maxLine+5)
	n := 0
	for l := range Lines(bytes.NewReader(log)) {
		n += len(l.Raw)
	}
	if n != len(log) {
		t.Errorf("%d of %d bytes came out", n, len(log))
	}
}

func TestReportsAreBounded(t *testing.T) {
	log := "BUG: kernel NULL pointer dereference, address: 0\n" + strings.Repeat(" f+0x1/0x2\n", 3*maxReport)
	all := Parse([]byte(log))
	if len(all) != 1 || !all[0].Corrupted || len(all[0].Traces[0].Frames) > maxReport {
		t.Errorf("have %d crashes, want one that is marked as cut", len(all))
	}
}

func BenchmarkParse(b *testing.B) {
	_, log, _ := fixture(b, "testdata/kasan-three-stacks-and-build-ids.txtar")
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		Parse(log)
	}
}

// FuzzReport: the lines of a report are lines of the log, in its order, and so
// are those of its text. Only the parts of a dump are put in another order.
func FuzzReport(f *testing.F) {
	addFixtures(f)
	f.Fuzz(func(t *testing.T, log []byte) {
		var texts []string
		for l := range Lines(bytes.NewReader(log)) {
			texts = append(texts, l.Text)
			if _, _, ok := parsePart(l.Text); ok {
				return
			}
		}
		for _, o := range Parse(log) {
			for _, report := range [][]byte{o.Report, o.ReportText} {
				rest := texts
				for line := range strings.Lines(string(report)) {
					at := slices.Index(rest, strings.TrimSuffix(line, "\n"))
					if at < 0 {
						t.Fatalf("%q is not in the log behind the line before it", line)
					}
					rest = rest[at+1:]
				}
			}
		}
	})
}
