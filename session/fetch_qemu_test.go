//go:build qemu

package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ktrap/session"
	"ktrap/symbols"
	"ktrap/symbols/debuginfod"
)

// debugServer serves vmlinux and the modules of a lab kernel by build-id, and
// tells of requests before it answers them.
func debugServer(t *testing.T, m *machine, before func(path string)) session.Fetch {
	t.Helper()
	files := map[string]string{}
	vmlinux, modules := m.options(t).Vmlinux, m.options(t).ModuleDirs[0]
	list, err := filepath.Glob(filepath.Join(modules, "*.ko"))
	if err != nil || len(list) == 0 {
		t.Fatalf("no modules in %s, %v", modules, err)
	}
	for _, path := range append(list, vmlinux) {
		im, err := symbols.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		files["/buildid/"+im.BuildID()+"/debuginfo"] = path
		im.Close()
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := files[r.URL.Path]
		before(path)
		if path == "" {
			http.NotFound(w, r)
			return
		}
		http.ServeFile(w, r, path)
	}))
	t.Cleanup(s.Close)
	t.Setenv("DEBUGINFOD_CACHE_PATH", t.TempDir())
	t.Setenv("KTRAP_CACHE", t.TempDir()) // where no vmlinux is
	c := &debuginfod.Client{URLs: []string{s.URL}, Cache: debuginfod.CacheFolder()}
	return func(ctx context.Context, id string, progress func(got, total int64)) error {
		each := *c
		each.Progress = func(_ string, got, total int64) { progress(got, total) }
		_, err := each.Fetch(ctx, id)
		return err
	}
}

// fetching are options of a session that finds nothing on this host, and what
// it tells.
func (m *machine) fetching(t *testing.T, fetch session.Fetch) (*session.Options, <-chan session.Event) {
	t.Helper()
	told := make(chan session.Event, 1000)
	o := m.options(t)
	o.Vmlinux, o.ModuleDirs, o.Fetch = "", nil, fetch
	o.HideProcesses(t.TempDir())
	o.OnEvent = func(e session.Event) {
		t.Logf("%s %s", e.Kind, e.Text)
		told <- e
	}
	return o, told
}

// until waits for an event that has a text.
func until(ctx context.Context, t *testing.T, told <-chan session.Event, kind session.EventKind, text string) {
	t.Helper()
	for {
		select {
		case e := <-told:
			if e.Kind == session.Refused {
				t.Fatal(e.Text)
			}
			if e.Kind == kind && strings.Contains(e.Text, text) {
				return
			}
		case <-ctx.Done():
			t.Fatalf("never heard %s %q", kind, text)
		}
	}
}

func TestVmlinuxAndModulesAreFetchedWhileTheGuestRuns(t *testing.T) {
	m := boot(t, "6.1", nil)
	running := false
	fetch := debugServer(t, m, func(path string) {
		if filepath.Base(path) != "vmlinux" {
			return
		}
		for range 10_000 { // it is let go in the same moment
			if s, err := m.QMP().Status(t.Context()); err == nil && s == "running" {
				running = true
				return
			}
		}
	})
	o, told := m.fetching(t, fetch)
	if err := m.QMP().Cont(t.Context()); err != nil {
		t.Fatal(err)
	}
	g, err := m.kernel.WaitReady(t.Context(), m.VM, nil)
	if err != nil {
		t.Fatal(err)
	}
	g.Close()
	run(t, o, func(ctx context.Context, s *session.Session) {
		if !running || !s.KernelKnown() || s.Running() {
			t.Errorf("ran meanwhile: %v; known: %v; runs: %v", running, s.KernelKnown(), s.Running())
		}
		until(ctx, t, told, session.Note, "debug information has come of")
		stop := m.crash(ctx, t, s, "warn")
		for _, f := range stop.Crash.Report.Frames {
			if f.Module == "crashme" {
				if f.File == "" || f.Line == 0 {
					t.Errorf("a frame of the module has no line: %+v", f)
				}
				return
			}
		}
		t.Errorf("no frame of the module in %+v", stop.Crash.Report.Frames)
	})
}

func TestVmlinuxIsFetchedForAKernelThatBoots(t *testing.T) {
	m := boot(t, "6.1", nil)
	o, told := m.fetching(t, debugServer(t, m, func(string) {}))
	run(t, o, func(ctx context.Context, s *session.Session) {
		resume(ctx, t, s)
		until(ctx, t, told, session.Note, "is being fetched")
		if !s.AwaitKernel(ctx) {
			t.Error("what has come was not waited for")
		}
		until(ctx, t, told, session.Ready, "traps armed")
		if stop := m.crash(ctx, t, s, "null"); len(stop.Crash.Report.Frames) == 0 {
			t.Error("the crash has no frames")
		}
	})
}

func TestDebugInformationOfAStrippedVmlinuxIsFetchedAndPutToUse(t *testing.T) {
	m := boot(t, "6.1", nil)
	whole := m.options(t).Vmlinux
	fetch := debugServer(t, m, func(string) {})
	o, told := m.fetching(t, fetch)
	o.Vmlinux = filepath.Join(t.TempDir(), "vmlinux")
	if out, err := exec.CommandContext(t.Context(), "strip", "--strip-debug", "-o", o.Vmlinux, whole).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run(t, o, func(ctx context.Context, s *session.Session) {
		if !s.KernelKnown() {
			resume(ctx, t, s)
			until(ctx, t, told, session.Ready, "traps armed")
		}
		until(ctx, t, told, session.Note, "debug information of "+o.Vmlinux+" has come")
		if err := s.Quiesced(ctx, func(_ context.Context, v *session.Stopped) error {
			if im := v.World.Symbols.Vmlinux(); !im.HasDWARF() || im.Path() != o.Vmlinux {
				t.Errorf("the world has %s, with DWARF: %v", im.Path(), im.HasDWARF())
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		stop := m.crash(ctx, t, s, "null")
		lines, inlined := 0, 0
		for _, f := range stop.Crash.Report.Frames {
			if f.Module == "" && f.File != "" && f.Line > 0 {
				lines++
			}
			if f.Inlined {
				inlined++
			}
		}
		if lines < 5 || inlined == 0 {
			t.Errorf("%d lines and %d inlined calls in %+v", lines, inlined, stop.Crash.Report.Frames)
		}
	})
}
