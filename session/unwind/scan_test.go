package unwind

import (
	"slices"
	"testing"

	"ktrap/symbols/addr"
)

// scanMemory is a page of zeros with words on it, which a scan reads at once.
func scanMemory(values words) words {
	for i := range pageSize / 8 {
		if _, ok := values[at(i)]; !ok {
			values[at(i)] = 0
		}
	}
	return values
}

func TestAFailedWalkGoesOnWithGuessesWhichComeLast(t *testing.T) {
	mem := scanMemory(onStack(lost+5, 7, middle+9, bad, 0x41, outer+1))
	for _, tt := range []struct {
		name string
		scan bool
		want []addr.Addr
	}{
		{"without scan", false, []addr.Addr{leaf, lost + 5}},
		{"with scan", true, []addr.Addr{leaf, lost + 5, middle + 9, outer + 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := &Unwinder{ORC: kernelRows(), Text: inText, Scan: tt.scan}
			frames, err := walkAll(u, regsAt(leaf, at(0)), mem)
			if err == nil {
				t.Error("the reason for the end is missing")
			}
			if !slices.Equal(pcs(frames), tt.want) {
				t.Errorf("got %v, want %v", pcs(frames), tt.want)
			}
			for i, f := range frames {
				if f.Reliable() != (i < 2) {
					t.Errorf("frame %d: source %v", i, f.Source)
				}
			}
		})
	}
}

func TestAScanEndsWithTheStack(t *testing.T) {
	mem := scanMemory(onStack(lost+5, middle+9).with(4, outer+1))
	u := &Unwinder{ORC: kernelRows(), Text: inText, Scan: true, Stack: func(a addr.Addr) (Stack, bool) {
		return Stack{"TASK", at(0), at(4)}, a >= at(0) && a < at(4)
	}}
	frames, _ := walkAll(u, regsAt(leaf, at(0)), mem)
	if want := []addr.Addr{leaf, lost + 5, middle + 9}; !slices.Equal(pcs(frames), want) {
		t.Errorf("got %v, want %v", pcs(frames), want)
	}
}

func TestAScanIsBounded(t *testing.T) {
	mem := make(words)
	for i := range 8 * pageSize {
		mem[at(i)] = uint64(middle + 5)
	}
	mem[at(0)] = uint64(lost + 5)
	u := &Unwinder{ORC: kernelRows(), Text: inText, Scan: true}
	if frames, _ := walkAll(u, regsAt(leaf, at(0)), mem); len(frames) != 2+maxGuesses {
		t.Errorf("%d frames", len(frames))
	}
}

func TestNothingFollowsWhenTheConsumerHasEnough(t *testing.T) {
	mem := scanMemory(onStack(lost+5, middle+9, outer+1))
	u := &Unwinder{ORC: kernelRows(), Text: inText, Scan: true}
	for enough := 1; enough <= 5; enough++ {
		n := 0
		for range u.Frames(regsAt(leaf, at(0)), mem) {
			if n++; n == enough {
				break // a yield after this would panic
			}
		}
		if n != enough {
			t.Errorf("%d elements, want %d", n, enough)
		}
	}
}
