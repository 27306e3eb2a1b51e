package vm

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// program writes a shell script that plays QEMU.
func program(t *testing.T, script string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "qemu")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestAQEMUThatRefusesItsArgumentsIsQuoted(t *testing.T) {
	// The monitor breaks before the words have come.
	qemu := program(t, "exec 3>&-\necho \"qemu: could not open kernel file 'k'\" >&2\nexit 1\n")
	v, err := Start(t.Context(), &Options{QEMU: qemu})
	if err == nil {
		t.Fatal(v.Close())
	}
	if want := "start QEMU: qemu: could not open kernel file 'k' (exit status 1)"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if _, ok := errors.AsType[*InfraError](err); !ok {
		t.Errorf("%T is no InfraError", err)
	}
}

func TestAQEMUThatIsNotInstalledIsNamedWithItsPackage(t *testing.T) {
	_, err := Start(t.Context(), &Options{QEMU: "no-such-qemu"})
	if err == nil || !strings.Contains(err.Error(), "install QEMU (package qemu-system-x86)") {
		t.Errorf("got %v", err)
	}
}
