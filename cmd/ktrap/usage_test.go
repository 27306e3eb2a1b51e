package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ktrap runs this binary as ktrap, with an empty lab.
func ktrap(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asKtrap+"=1", "KTRAP_CACHE="+t.TempDir(), "NO_COLOR=1")
	cmd.Dir = t.TempDir()
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	if _, exit := errors.AsType[*exec.ExitError](err); err != nil && !exit {
		t.Fatal(err)
	}
	return out.String(), said.String(), cmd.ProcessState.ExitCode()
}

func TestWhatCannotBeMeantIsAUsageError(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name string
		args []string
		want string // in the message
	}{
		{"a stub that is no address", []string{"attach", "--stub", "garbage"}, `--stub: "garbage" is no address, want HOST:PORT`},
		{"a port that is no number", []string{"serve", "--listen", "localhost:gdb"}, `--listen: "localhost:gdb" is no address`},
		{"an SSH address without a port", []string{"repro", "--stub", ":1", "--ssh", "localhost", "true"}, `--ssh: "localhost" is no address, want HOST:PORT`},
		{"a vmlinux that is not there", []string{"attach", "no-vmlinux"}, "no-vmlinux: no such file"},
		{"a vmlinux to look at that is not there", []string{"doctor", "no-vmlinux"}, "no-vmlinux: no such file"},
		{"a kernel that is not there", []string{"boot", "--kernel", "no-bzImage"}, "no-bzImage: no such file"},
		{"an initramfs that is not there", []string{"boot", "--kernel", "/dev/null", "--initrd", "no-initrd"}, "no-initrd: no such file"},
		{"an image that is not there", []string{"repro", "--image", "no.img", "true"}, "no.img: no such file"},
		{"a key that is not there", []string{"boot", "--kernel", "/dev/null", "--ssh-key", "no-key"}, "no-key: no such file"},
		{"a folder for a kernel", []string{"boot", "--kernel", dir}, "--kernel"},
		{"a report that is none", []string{"report", dir}, dir + " holds no report.json"},
		{"a script that is not there", []string{"script", "nosuch.star"}, "no script nosuch.star"},
		{"a lab kernel that is not there", []string{"boot", "--lab", "9.9"}, `no lab kernel "9.9": the lab is empty`},
		{"a lab kernel that cannot be", []string{"repro", "--lab", "new", "true"}, `no lab kernel "new": a kernel series is two numbers`},
		{"the path of one that is not there", []string{"lab", "path", "vmlinux", "--series", "9.9"}, `no lab kernel "9.9"`},
		{"a part that the lab does not have", []string{"lab", "path", "vmlinuz"}, `"known_hosts" but got "vmlinuz"`},
		{"a crash that is none", []string{"lab", "demo", "--crash", "bla"}, `"bla" is no crash, want one of null nullwrite`},
		{"a class that is none", []string{"attach", "--on", "bla=stop"}, "--on: "},
		{"a flag that is none", []string{"boot", "--bla"}, "did you mean \"--lab\"? (`ktrap boot --help` shows how)"},
		{"a command that is none", []string{"bla"}, "(`ktrap --help` lists the commands)"},
		{"nothing to boot", []string{"boot"}, "what to boot?"},
		{"--ssh without --stub", []string{"repro", "--lab", "6.1", "--ssh", "localhost:22", "true"}, "--ssh belongs to --stub"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, status := ktrap(t, tt.args...)
			if status != exitUsage || !strings.Contains(stderr, tt.want) {
				t.Errorf("status %d, %q, want %d and %q", status, stderr, exitUsage, tt.want)
			}
			if stdout != "" {
				t.Errorf("standard output has %q", stdout)
			}
		})
	}
}

func TestTheVersionIsToldEitherWay(t *testing.T) {
	command, _, _ := ktrap(t, "version")
	flag, _, status := ktrap(t, "--version")
	if command != flag || status != exitDone || !strings.HasPrefix(command, "ktrap ") {
		t.Errorf("version says %q, --version %q with status %d", command, flag, status)
	}
}

func TestAddresses(t *testing.T) {
	for text, ok := range map[string]bool{
		"": true, "localhost:1234": true, ":1234": true, "*:1234": true, "tcp:h:1": true, "[::1]:9": true,
		"unix:/tmp/x": true, "/tmp/x": true, "/dev/ttyS0,115200": true,
		"1234": false, "host": false, "host:": false, "host:ssh": false, "host:70000": false,
	} {
		if err := address(text).Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestReproAnswersWithOneObjectEvenWithoutAVM(t *testing.T) {
	image := filepath.Join(t.TempDir(), "qemu-system-x86_64")
	if err := os.WriteFile(image, []byte("#!/bin/sh\necho 'qemu: no' >&2; exit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(image)+":"+os.Getenv("PATH"))
	for _, tt := range []struct {
		name, repro, verdict, why string
		status                    int
	}{
		{"a VM that does not start", "true", "infra", "qemu: no", exitInfra},
		{"a reproducer that is not there", "none.c", "cannot run", "none.c", exitUnclear},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, status := ktrap(t, "repro", "--format", "json", "--kernel", "/dev/null", tt.repro)
			var got map[string]any
			if err := json.Unmarshal([]byte(stdout), &got); err != nil {
				t.Fatalf("%v: %q, %q", err, stdout, stderr)
			}
			text, _ := got["error"].(string)
			if status != tt.status || got["verdict"] != tt.verdict || !strings.Contains(text, tt.why) || got["report"] != nil || got["report_dir"] != "" {
				t.Errorf("status %d, %v", status, got)
			}
		})
	}
}
