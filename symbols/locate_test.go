package symbols

import (
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/symtest"
)

func openReal(tb testing.TB) *Image {
	tb.Helper()
	im, err := Open(symtest.Vmlinux(tb), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { im.Close() })
	return im
}

func TestALocationInARealKernelHasTreePathsAndCallers(t *testing.T) {
	s := NewSymbolizer(openReal(t), slide, nil)
	f := s.Find("vfs_write")
	if len(f) != 1 {
		t.Fatalf("%+v", f)
	}
	for off := range addr.Addr(f[0].Size) {
		locs, reason := s.Locate(f[0].Start + off)
		if reason == Padding || reason == Generated {
			continue
		}
		outer := locs[len(locs)-1]
		if reason != Complete || outer.Func != "vfs_write" || outer.File != "fs/read_write.c" || outer.Off != uint64(off) || outer.Size != f[0].Size {
			t.Fatalf("vfs_write+%#x: %+v, %v", off, locs, reason)
		}
		for i, l := range locs[:len(locs)-1] {
			if !l.Inlined || l.CallFile != locs[i+1].File || l.CallLine != locs[i+1].Line || strings.HasPrefix(l.File, "/") || l.File == "" {
				t.Fatalf("vfs_write+%#x: %+v", off, locs)
			}
		}
	}
}

func TestPathsOfAssemblyAreThoseOfTheTreeToo(t *testing.T) {
	s := NewSymbolizer(openReal(t), slide, nil)
	f := s.Find("entry_SYSCALL_64")
	if len(f) == 0 {
		t.Skip("SKIPPED: no x86 kernel")
	}
	locs, reason := s.Locate(f[0].Start + 3)
	if len(locs) != 1 || locs[0].Func != "entry_SYSCALL_64" || locs[0].File != "arch/x86/entry/entry_64.S" || locs[0].Line == 0 {
		t.Errorf("%+v, %v", locs, reason)
	}
}

func TestABreakpointPlaceInARealKernelLiesOnItsLine(t *testing.T) {
	s := NewSymbolizer(openReal(t), slide, nil)
	start := s.Find("vfs_write")[0]
	row, ok := s.LineRange(start.Start + addr.Addr(start.Size/2))
	if !ok || row.Line == 0 {
		t.Fatalf("%+v %v", row, ok)
	}
	for _, file := range []string{row.File, "/home/user/linux/" + row.File} {
		places := s.Lines(file, row.Line)
		if len(places) == 0 {
			t.Errorf("%s:%d has no place", file, row.Line)
		}
		for _, a := range places {
			locs, _ := s.Locate(a)
			if !s.IsText(a) || len(locs) == 0 {
				t.Errorf("%s:%d: %v is no code: %+v", file, row.Line, a, locs)
			}
		}
	}
	if places := s.Lines("read_write.c.orig", row.Line); places != nil {
		t.Errorf("%v", places)
	}
}

// BenchmarkAttach does what attaching does before anything is answered: open the
// kernel and find the functions to trap.
func BenchmarkAttach(b *testing.B) {
	path := symtest.Vmlinux(b)
	for b.Loop() {
		im, err := Open(path, nil)
		if err != nil {
			b.Fatal(err)
		}
		s := NewSymbolizer(im, slide, nil)
		for _, name := range []string{"panic", "oops_begin", "add_taint", "linux_banner", "init_task"} {
			if len(s.Find(name)) == 0 {
				b.Fatalf("%s not found", name)
			}
		}
		im.BuildID()
		im.Close()
	}
}

func BenchmarkLocate(b *testing.B) {
	im := openReal(b)
	s := NewSymbolizer(im, slide, nil)
	a := s.Find("vfs_write")[0].Start + 0xc7
	for b.Loop() {
		if _, reason := s.Locate(a); reason != Complete {
			b.Fatal(reason)
		}
	}
}

func BenchmarkFunc(b *testing.B) {
	s := NewSymbolizer(openReal(b), slide, nil)
	a := s.Find("vfs_write")[0].Start + 0xc7
	for b.Loop() {
		if _, ok := s.Func(a); !ok {
			b.Fatal("not found")
		}
	}
}
