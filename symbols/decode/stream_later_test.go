package decode

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatStandsBeforeTheVersionIsAnsweredBehindIt(t *testing.T) {
	t.Chdir(filepath.Dir(tinyKernel(t)))
	cpu := func(version string) string { return "CPU: 0 PID: 1 Comm: sh Not tainted " + version + "\n" }
	const head = "BUG: KASAN: slab-out-of-bounds in first+0x4/0x20\n"
	ours := cpu("6.1.0-tiny #1  " + tinyBuildID)
	for name, tt := range map[string]struct{ log, want string }{
		"the head":                       {head + ours, head + ours + Mark + "first+0x4/0x20 (no debug information)\n"},
		"not that of a kernel not found": {head + cpu("6.2.0 #1") + ours, head + cpu("6.2.0 #1") + ours},
	} {
		out, _, err := decoded(t, Options{}, tt.log)
		if err != nil || !strings.HasPrefix(out, tt.want) || tt.want == tt.log && strings.Contains(out, "first+0x4/0x20 (") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if again, _, err := decoded(t, Options{}, out); err != nil || again != out {
			t.Errorf("%s: again: %v\n%s", name, err, again)
		}
	}
}

// quietAfter is a console that falls silent once, after a part of its log.
type quietAfter struct {
	parts []string
	quiet func() error
}

func (q *quietAfter) OnIdle(f func() error) { q.quiet = f }

func (q *quietAfter) Read(p []byte) (int, error) {
	if len(q.parts) == 0 {
		return 0, io.EOF
	}
	if q.quiet != nil && len(q.parts) == 1 {
		if err := q.quiet(); err != nil {
			return 0, err
		}
	}
	n := copy(p, q.parts[0])
	q.parts = q.parts[1:]
	return n, nil
}

func TestACrashIsToldWhenTheConsoleFallsSilent(t *testing.T) {
	const head, rest = "BUG: kernel NULL pointer dereference, address: 0\nRIP: 0010:first+0x4/0x20\nCall Trace:\n second+0x4/0x20\n third+0x4/0x140\n", "hello\n"
	var b bytes.Buffer
	a, err := NewAnnotator(&b, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.Run(&quietAfter{parts: []string{head, rest}}); err != nil {
		t.Fatal(err)
	}
	told := Mark + "crash: BUG: unable to handle kernel NULL pointer dereference in first\n" + Mark + "type: NULL-POINTER-DEREFERENCE\n"
	if b.String() != head+told+rest {
		t.Errorf("have\n%s", b.String())
	}
	if again, _, err := decoded(t, Options{}, b.String()); err != nil || again != b.String() {
		t.Errorf("again: %v\n%s", err, again)
	}
}
