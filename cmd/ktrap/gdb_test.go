package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestGdbIsToldWhatKtrapKnows(t *testing.T) {
	w := gdbWiring{
		address: "127.0.0.1:1235", vmlinux: "/boot/vmlinux", compiled: "/build/linux", source: "/home/me/my linux",
		substitute: []string{`C:\x=/y`}, sourceDirs: []string{"/src"},
	}
	want := []string{
		"-q",
		"-iex", `set substitute-path C:\\x /y`, // the person's own comes first: gdb takes the first that fits
		"-iex", `set substitute-path /build/linux /home/me/my\ linux`,
		"-iex", "directory /src",
		"-iex", "set index-cache enabled on", "-se", "/boot/vmlinux", "-ex", "set index-cache enabled off",
		"-ex", "target remote 127.0.0.1:1235",
	}
	if got := w.flags(); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	unknown := gdbWiring{address: "127.0.0.1:1"}
	if got := strings.Join(unknown.flags(), " "); strings.Contains(got, "-se") || strings.Contains(got, "substitute-path") {
		t.Errorf("without a kernel: %s", got)
	}
}

func TestAGdbThatIsNotThereIsSaidWithWhatToDo(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "gdb-17")
	err := (&gdbCmd{GDB: missing}).Run(t.Context(), nil, nil)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "--gdb") {
		t.Errorf("error %v", err)
	}
}

func TestGdbNeedsAPort(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := (&gdbCmd{GDB: self}).Run(t.Context(), nil, nil); statusOf(err) != exitUsage {
		t.Errorf("error %v", err)
	}
}
