package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVersionsOfGDB(t *testing.T) {
	for line, want := range map[string]string{
		"GNU gdb (Debian 13.1-3) 13.1\nCopyright":                         "13.1",
		"GNU gdb (Ubuntu 7.11.1-0ubuntu1~16.5) 7.11.1":                    "7.11",
		"GNU gdb (GDB) 7.6.1":                                             "7.6",
		"GNU gdb (GDB) Red Hat Enterprise Linux 8.2-20.el8":               "8.2",
		"GNU gdb (GDB) Fedora Linux 16.2-1.fc41":                          "16.2",
		"GNU gdb (GDB; openSUSE Leap 15.5) 12.1":                          "12.1",
		"GNU gdb (GDB) 17.0.50.20251101-git":                              "17.0",
		"GNU gdb (Gentoo 14.2 vanilla) 14.2":                              "14.2",
		"lldb version 14.0.6":                                             "",
		"":                                                                "",
		"GNU gdb (GDB) 99999999999999999999999999.99999999999999999999.1": "",
	} {
		v, ok := parseGDBVersion(line)
		if got := v.String(); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %s, %v, want %q", line, got, ok, want)
		}
	}
}

// fakeGDB puts a gdb into PATH that runs a shell script.
func fakeGDB(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gdb"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
}

func TestDoctorExplainsAGDBThatIsTooOld(t *testing.T) {
	for _, tt := range []struct{ script, state, detail, do string }{
		{"echo 'GNU gdb (GDB) 7.6.1'", "wrong", "too old", "gdb 13 or newer"},
		{"echo 'GNU gdb (Debian 7.12-6) 7.12.0.20161007-git'", "note", "DWARF 5", "CONFIG_DEBUG_INFO_DWARF4"},
		{"echo 'GNU gdb (Debian 13.1-3) 13.1'", "ok", "13.1", ""},
		{"echo 'my gdb'", "note", `"my gdb"`, ""},
		{"exit 127", "wrong", "status 127", "apt-get install gdb"},
	} {
		fakeGDB(t, tt.script)
		f := gdbFinding(t.Context(), "gdb")
		if f == nil || f.State != tt.state || !strings.Contains(f.Detail, tt.detail) || !strings.Contains(f.Do, tt.do) || (f.Do == "") != (tt.do == "") {
			t.Errorf("%s: %s", tt.script, fmt.Sprintf("%+v", f))
		}
	}
	t.Setenv("PATH", "")
	if f := gdbFinding(t.Context(), "gdb"); f != nil {
		t.Errorf("of a gdb that is not there: %+v", f)
	}
}
