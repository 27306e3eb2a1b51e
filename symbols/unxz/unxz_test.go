package unxz

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/ulikunitz/xz"
)

func packed(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err == nil {
		_, err = w.Write(text)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(ctx context.Context, from io.Reader) ([]byte, error) {
	plain, wait, err := Reader(ctx, from)
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(plain)
	return out, errors.Join(err, wait(err))
}

func TestProgramAndLibraryGiveTheSame(t *testing.T) {
	text := bytes.Repeat([]byte("static int x;\n"), 10000)
	for _, path := range []string{"", t.TempDir()} {
		if path != "" {
			t.Setenv("PATH", path) // no program there
		}
		got, err := read(t.Context(), bytes.NewReader(packed(t, text)))
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("PATH %q: %d bytes, %v", path, len(got), err)
		}
		if _, err := read(t.Context(), bytes.NewReader(packed(t, text)[:100])); err == nil {
			t.Errorf("PATH %q: a cut archive is no error", path)
		}
	}
}

func TestWhoStopsReadingDoesNotWaitForTheProgram(t *testing.T) {
	never, w := io.Pipe()
	defer w.Close()
	go func() { _, _ = w.Write(packed(t, []byte("x"))) }() // and no end
	_, wait, err := Reader(t.Context(), never)
	if err != nil {
		t.Fatal(err)
	}
	never.Close()
	if err := wait(io.ErrUnexpectedEOF); err != nil {
		t.Error(err)
	}
}
