package trap

import (
	"testing"

	"ktrap/symbols/oops"
)

func TestAPolicyIsChangedWhileItHolds(t *testing.T) {
	var p Policy
	if p.String() != "stop at everything" || (*Policy)(nil).String() != "stop at everything" {
		t.Errorf("at first: %v", &p)
	}
	if err := p.Change("warn=log, oops=stop:3"); err != nil {
		t.Fatal(err)
	}
	if err := p.Change("warn=loud"); err == nil {
		t.Error("an unknown action was taken")
	}
	if p.String() != "oops=stop:3,warn=log" || p.Decide(oops.WARN) != Log || p.Decide(oops.Panic) != Stop {
		t.Errorf("then: %v", &p)
	}
	if err := p.Change("all=stop"); err != nil || p.String() != "stop at everything" || p.Decide(oops.WARN) != Stop {
		t.Errorf("in the end: %v, %v", err, &p)
	}
}
