package session

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ktrap/rsp/rsptest"
	"ktrap/session/kernel"
	"ktrap/symbols"
)

// packedSource writes a source tarball with one file, and without its end if it
// is to be a damaged one.
func packedSource(t *testing.T, damaged bool) string {
	t.Helper()
	var text strings.Builder
	z := gzip.NewWriter(&text)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Name: "linux/a.c", Size: 4, Mode: 0o644, Typeflag: tar.TypeReg})
	if _, e := w.Write([]byte("one\n")); errors.Join(err, e, w.Close(), z.Close()) != nil {
		t.Fatal(err, e)
	}
	data := text.String()
	if damaged {
		data = data[:len(data)/2]
	}
	path := filepath.Join(t.TempDir(), "linux.tar.gz")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSourceIsUnpackedWhileTheSessionGoesOn(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		t.Setenv("KTRAP_CACHE", t.TempDir())
		told := make(chan string, 10)
		m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}}}
		o := &Options{
			Stub: rsptest.ListenUnix(t, m.Handle), NoTraps: true, Sources: SourceDirs{Dirs: []string{packedSource(t, damaged)}},
			OnEvent: func(e Event) {
				if strings.Contains(e.Text, "unpack") {
					told <- e.Text
				}
			},
		}
		var first, second error
		var lines []symbols.SourceLine
		l := symbols.Location{File: "a.c", Line: 1}
		err := Run(t.Context(), o, func(ctx context.Context, s *Session) error {
			s.world.Store(&World{Kernel: &kernel.Kernel{}})
			err := s.Do(ctx, func(_ context.Context, v *Stopped) error {
				_, first = v.SourceAround(l, 0)
				return nil
			})
			if began := <-told; !strings.Contains(began, "this once") {
				t.Errorf("told %q", began)
			}
			if ended := <-told; strings.Contains(ended, "is unpacked") == damaged {
				t.Errorf("damaged %v: told %q", damaged, ended)
			}
			return errors.Join(err, s.Do(ctx, func(_ context.Context, v *Stopped) error {
				lines, second = v.SourceAround(l, 0)
				return nil
			}))
		})
		if err != nil || !errors.Is(first, symbols.ErrNoSource) {
			t.Errorf("session: %v; at first: %v", err, first)
		}
		if damaged && !errors.Is(second, symbols.ErrNoSource) || !damaged && (len(lines) != 1 || lines[0].Text != "one") {
			t.Errorf("damaged %v: then %v, %v", damaged, lines, second)
		}
	}
}
