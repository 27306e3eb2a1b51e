package report

import (
	"strings"
	"testing"
)

func TestLevelsAreNumberedAndMarked(t *testing.T) {
	frames := []Frame{
		{Kind: Fault, Func: "inner", Inlined: true, File: "a.c", Line: 1, Reliable: true, Context: "TASK"},
		{Kind: Fault, Func: "outer_function", Offset: 0x10, Size: 0x20, File: "a.c", Line: 2, Reliable: true, Context: "TASK"},
	}
	var b strings.Builder
	if err := Levels(&b, frames, 0, 1, nil); err != nil {
		t.Fatal(err)
	}
	want := `  <TASK>
  #0   inner (inlined)           a.c:1
=>#1   outer_function+0x10/0x20  a.c:2
`
	if b.String() != want {
		t.Errorf("printed\n%swant\n%s", b.String(), want)
	}
	b.Reset()
	if err := Levels(&b, frames, 0, 1, &TextOptions{Below: [][]string{{"x = 1", "y = 2"}}}); err != nil {
		t.Fatal(err)
	}
	want = strings.Replace(want, "a.c:1\n", "a.c:1\n         x = 1\n         y = 2\n", 1)
	if b.String() != want {
		t.Errorf("printed\n%swant\n%s", b.String(), want)
	}
	b.Reset()
	one := frames[1]
	one.Context = ""
	if err := Levels(&b, []Frame{one}, 7, -1, nil); err != nil {
		t.Fatal(err)
	}
	if want := "  #7   outer_function+0x10/0x20  a.c:2\n"; b.String() != want {
		t.Errorf("printed %q, want %q", b.String(), want)
	}
}
