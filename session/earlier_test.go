package session

import (
	"testing"

	"ktrap/symbols/oops"
)

func TestAfterAPanicTheCrashThatLedToItIsReported(t *testing.T) {
	survived, fatal := oops.Oops{Title: "WARNING in a"}, oops.Oops{Title: "kernel panic: b", Panicked: true}
	for _, tt := range []struct {
		name     string
		found    []oops.Oops
		panicked bool
		want     string
	}{
		{"a warning that was survived led to nothing", []oops.Oops{survived, fatal}, true, fatal.Title},
		{"the first one that panicked", []oops.Oops{fatal, {Title: "c", Panicked: true}}, true, fatal.Title},
		{"a panic whose text is gone", []oops.Oops{survived}, true, survived.Title},
		{"no panic", []oops.Oops{survived, {Title: "d"}}, false, survived.Title},
	} {
		if got := decisive(tt.found, tt.panicked); got.Title != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got.Title, tt.want)
		}
	}
}
