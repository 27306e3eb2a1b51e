package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const tinyCrash = "hello\nBUG: kernel NULL pointer dereference, address: 0000000000000010\n" +
	"CPU: 0 PID: 112 Comm: sh Not tainted 6.1.0 #1\nRIP: 0010:first+0x4/0x20\n" +
	"RSP: 0018:ffff888000000000 EFLAGS: 00010246\nRAX: 0000000000000000 RBX: ffff888000000001 RCX: 0000000000000000\n" +
	"Call Trace:\n <TASK>\n twin+0x4/0x40\n </TASK>\n---[ end trace 0000000000000000 ]---\n"

func TestTheExitStatusOfDecode(t *testing.T) {
	tests := []struct {
		name, log string
		args      []string
		want      int
	}{
		{"a crash", tinyCrash, nil, exitDone},
		{"a crash that matters", tinyCrash, []string{"--exit-code"}, exitCrash},
		{"a crash that matters, as JSON", tinyCrash, []string{"--exit-code", "--format=json", "-"}, exitCrash},
		{"no crash", "hello\n", []string{"--exit-code"}, exitDone},
		{"two logs", "", []string{"a", "b"}, exitUsage},
		{"two kernels", "", []string{"--vmlinux", "a", "-r", "6.1"}, exitUsage},
		{"no such file", "", []string{"nowhere"}, exitFailed},
		{"no such vmlinux", "", []string{"--vmlinux", "nowhere"}, exitFailed},
		{"no such release", "", []string{"-r", "0.0.0-none"}, exitFailed},
	}
	for _, tt := range tests {
		if status, _ := output(t, tt.log, append([]string{"decode"}, tt.args...)...); status != tt.want {
			t.Errorf("%s: status %d", tt.name, status)
		}
	}
}

func TestDecodeTakesTheArgumentsOfTheKernelsScript(t *testing.T) {
	vmlinux := tinyKernel(t)
	for _, args := range [][]string{{vmlinux}, {vmlinux, "auto"}, {vmlinux, "/build", t.TempDir()}} {
		status, got := output(t, tinyCrash, append([]string{"decode"}, args...)...)
		if status != exitDone || got != tinyCrash { // nothing to say without debug information, and no marked lines
			t.Errorf("%v: status %d\n%s", args, status, got)
		}
	}
	if _, got := output(t, tinyCrash, "decode", "--layout=ktrap", vmlinux); !strings.Contains(got, "    => crash: ") {
		t.Errorf("--layout is not followed:\n%s", got)
	}
}

func TestAVmlinuxAndALogAreTakenForWhatTheyAre(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console.log")
	if err := os.WriteFile(path, []byte(tinyCrash), 0o600); err != nil {
		t.Fatal(err)
	}
	status, got := output(t, "not this", "decode", tinyKernel(t), path)
	if status != exitDone || !strings.HasPrefix(got, "hello\n") || !strings.Contains(got, "    => crash: ") {
		t.Errorf("status %d\n%s", status, got)
	}
}

func TestDecodeGivesOneObjectPerCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(tinyCrash+tinyCrash), 0o600); err != nil {
		t.Fatal(err)
	}
	_, got := output(t, "", "decode", "--format=json", path)
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d objects: %s", len(lines), got)
	}
	for i, l := range lines {
		var c struct {
			Title, Type        string
			Start, End, CPU    int
			Registers          map[string]string
			Frames             []struct{ Kind, Func string }
			AltTitles          []string `json:"alt_titles"`
			ReportText         string   `json:"report_text"`
			Executor           *struct{ Proc, ID int }
			Corrupted, Unknown bool
		}
		if err := json.Unmarshal([]byte(l), &c); err != nil {
			t.Fatal(err)
		}
		begin := len("hello\n") + i*len(tinyCrash)
		if c.Title != "BUG: unable to handle kernel NULL pointer dereference in first" || c.Start != begin || c.End <= c.Start ||
			c.Registers["rbx"] != "0xffff888000000001" || len(c.Frames) != 2 || c.Frames[0].Kind != "fault" || c.AltTitles == nil || c.Executor != nil {
			t.Errorf("%+v", c)
		}
	}
	if _, got := output(t, "hello\n", "decode", "--format=json"); got != "" {
		t.Errorf("a log without a crash gives %q", got)
	}
}

func TestRedactedOutputHasNoAddressesAndNames(t *testing.T) {
	log := "Nov 22 20:30:34 secret kernel: hello from 10.1.2.3\neth0: 52:54:00:12:34:56 on secret\n" + tinyCrash
	for _, format := range []string{"text", "json"} {
		_, got := output(t, log, "decode", "--redact", "--format", format)
		for _, private := range []string{"ffff888000000001", "secret", "10.1.2.3", "52:54"} {
			if strings.Contains(got, private) {
				t.Errorf("%s: %s is still there:\n%s", format, private, got)
			}
		}
		if !strings.Contains(got, "first+0x4/0x20") {
			t.Errorf("%s: too much is gone:\n%s", format, got)
		}
	}
}

func TestAStreamThatSaysNothingMoreIsTakenForWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		p := newPatientReader(in, time.Second)
		idle := 0
		p.OnIdle(func() error { idle++; return nil })
		go func() { // ends with the stream
			io.WriteString(out, "one")
			time.Sleep(3 * time.Second)
			io.WriteString(out, "two")
			out.Close()
		}()
		text, err := io.ReadAll(p)
		if err != nil || string(text) != "onetwo" || idle != 1 {
			t.Errorf("%q, %v, idle %d times", text, err, idle)
		}
		p.stop()
	})
}
