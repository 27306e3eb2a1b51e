package kernel

import (
	"errors"
	"testing"
)

func TestAKernelIsIdentifiedWithoutAVmlinux(t *testing.T) {
	g := newGuest()
	g.boot(testSlide)
	f := g.finder()
	f.image, f.sections = noImage{}, nil
	if got, err := f.identify(); err != nil || got != (Identity{testID, g.img.banner}) {
		t.Errorf("%+v, %v", got, err)
	}
	clear(g.fakeMemory)
	if got, err := f.identify(); !errors.Is(err, ErrNotBooted) || got != (Identity{}) {
		t.Errorf("of an empty machine: %+v, %v", got, err)
	}
}
