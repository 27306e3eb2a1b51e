package terminal

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func TestLinesOfAPipe(t *testing.T) {
	next, failed := (&Terminal{in: strings.NewReader("bt\nregs")}).lines(t.Context(), &Options{})
	if got := slices.Collect(next); !slices.Equal(got, []string{"bt", "regs"}) || failed() != nil {
		t.Errorf("%q, %v", got, failed())
	}
	broken := errors.New("broken")
	next, failed = (&Terminal{in: io.MultiReader(strings.NewReader("bt\n"), errorReader{broken})}).lines(t.Context(), &Options{})
	if got := slices.Collect(next); len(got) != 1 || !errors.Is(failed(), broken) {
		t.Errorf("%q, %v", got, failed())
	}
}

// What a signal ends does not wait for a pipe that nobody writes to.
func TestASilentPipeHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, w := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		next, failed := (&Terminal{in: in}).lines(ctx, &Options{})
		ended := make(chan []string)
		go func() { ended <- slices.Collect(next) }()
		_, _ = io.WriteString(w, "bt\n")
		synctest.Wait()
		cancel()
		if got := <-ended; !slices.Equal(got, []string{"bt"}) || failed() != nil {
			t.Errorf("%q, %v", got, failed())
		}
		w.Close()
	})
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }
