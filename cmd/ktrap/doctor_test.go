package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
	"ktrap/symbols/index"
)

func TestDoctorTellsOfKeptIndexes(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("KTRAP_CACHE", dir)
	folder := index.UserFolder()
	if err := folder.Save(index.Identity{1}, make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	list := cacheFindings(folder)
	if len(list) != 1 || list[0].State != "note" || !strings.HasPrefix(list[0].Detail, "1 with 5 kB of at most ") || !strings.HasSuffix(list[0].Detail, dir+"/index") {
		t.Errorf("%+v", list)
	}
	if list := cacheFindings(nil); len(list) != 1 || list[0].Do == "" {
		t.Errorf("without a folder: %+v", list)
	}
}

func TestDoctorTellsOfUnpackedSource(t *testing.T) {
	dir := t.TempDir()
	if list := sourceFindings(dir); list != nil {
		t.Errorf("of an empty folder: %+v", list)
	}
	for _, name := range []string{"a.zip", "b.zip", "new-1.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 5000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if list := sourceFindings(dir); len(list) != 1 || list[0].State != "note" || list[0].Detail != "2 with 10 kB in "+dir {
		t.Errorf("%+v", list)
	}
}

func TestALookThatIsInterruptedLetsTheGuestRunOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: make([]byte, 8)}}}
	detached := make(chan bool, 1)
	stub := rsptest.ListenUnix(t, func(s *rsptest.Stub, msg rsp.Message) {
		switch body := string(msg.Body); {
		case strings.HasPrefix(body, "qSupported"):
			s.Reply("T02thread:p1.1;") // QEMU stops a guest for whoever connects
		case body == "?":
			cancel()
		case strings.HasPrefix(body, "D"):
			detached <- true
		}
		m.Handle(s, msg)
	})
	stubFinding(ctx, stub, slog.New(slog.DiscardHandler))
	if len(detached) != 1 {
		t.Error("the guest stands still")
	}
}

func TestALookAtAStubLeavesTheGuestAsItWas(t *testing.T) {
	for _, tt := range []struct {
		name string
		ran  bool
	}{{"a guest that ran runs on", true}, {"a guest that stood stands", false}} {
		t.Run(tt.name, func(t *testing.T) {
			m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: make([]byte, 8)}}}
			detached := make(chan bool, 1)
			stub := rsptest.ListenUnix(t, func(s *rsptest.Stub, msg rsp.Message) {
				body := string(msg.Body)
				if tt.ran && strings.HasPrefix(body, "qSupported") {
					s.Reply("T02thread:p1.1;") // QEMU stops a guest for whoever connects
				}
				if strings.HasPrefix(body, "D") {
					detached <- true
				}
				m.Handle(s, msg)
			})
			f := stubFinding(t.Context(), stub, slog.New(slog.DiscardHandler))
			if f.State != "ok" {
				t.Errorf("the stub is %+v", f)
			}
			if got := len(detached) == 1; got != tt.ran {
				t.Errorf("detached = %v", got)
			}
		})
	}
}
