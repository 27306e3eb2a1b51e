package session

import (
	"testing"

	"ktrap/symbols/oops"
)

func TestOfTheCrashesInTheLogTheOneThatDecidedIsReported(t *testing.T) {
	crash := func(class oops.Class, pid int, title string) oops.Oops {
		o := oops.Oops{Class: class, Title: title}
		o.PID = pid
		return o
	}
	survived, oopsed := crash(oops.WARN, 93, "WARNING in a"), crash(oops.Die, 93, "BUG in b")
	for _, tt := range []struct {
		name     string
		found    []oops.Oops
		panicked bool
		want     string
	}{
		{"no panic: the first", []oops.Oops{survived, oopsed}, false, survived.Title},
		{"a panic of another task has nothing to do with a warning", []oops.Oops{survived, crash(oops.Panic, 96, "panic")}, true, "panic"},
		{"nor does one of a task that is not known", []oops.Oops{survived, crash(oops.Panic, -1, "panic")}, true, "panic"},
		{"a panic of the same task is a consequence", []oops.Oops{crash(oops.WARN, 5, "other"), oopsed, crash(oops.Panic, 93, "panic")}, true, oopsed.Title},
		{"a panic that is part of a report: the first", []oops.Oops{survived, oopsed}, true, survived.Title},
	} {
		if got := decisive(tt.found, tt.panicked); got.Title != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got.Title, tt.want)
		}
	}
}
