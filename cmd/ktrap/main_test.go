package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// asKtrap makes the test binary run as ktrap.
const asKtrap = "KTRAP_TEST_RUN_AS_KTRAP"

func TestMain(m *testing.M) {
	if os.Getenv(asKtrap) != "" {
		main()
	}
	os.Exit(m.Run())
}

// doctor, as all commands that may have to do with a guest, asks for the lifetime.
func TestAReaderThatLeavesDoesNotKillKtrap(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd := exec.CommandContext(t.Context(), self, "doctor")
	cmd.Env = append(os.Environ(), asKtrap+"=1")
	cmd.Stdout = w
	err = cmd.Run()
	w.Close()
	if !cmd.ProcessState.Exited() {
		t.Errorf("ktrap ended with %v", err)
	}
}

func TestMessagesDoNotMoveTheCursor(t *testing.T) {
	var out strings.Builder
	say(&out, "wrong vmlinux: \x1b[2J\u009bm\nsecond line")
	if want := "ktrap: wrong vmlinux: \\x1b[2J\\u009bm\nsecond line\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestASilentStatusDoesNotSwallowWhatIsJoinedToIt(t *testing.T) {
	silent, loud := &exitError{Status: exitCrash}, errors.New("leave the guest: no")
	for _, tt := range []struct {
		name string
		err  error
		want string // "": nothing is said
	}{
		{"a status alone", silent, ""},
		{"a status with a message", &exitError{exitUsage, loud}, "leave the guest: no"},
		{"a status and an error at the end", errors.Join(silent, loud), "leave the guest: no"},
		{"an error of two parts", fmt.Errorf("open: %w: %w", loud, loud), "open: leave the guest: no: leave the guest: no"},
	} {
		got := ""
		if err := audible(tt.err); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s says %q, want %q", tt.name, got, tt.want)
		}
	}
}

// panickingCmd is a command with a bug.
type panickingCmd struct{}

// Run panics.
func (panickingCmd) Run() error { panic("a bug") }

func TestAPanicInACommandIsNotSuccess(t *testing.T) {
	var grammar struct {
		Bug panickingCmd `cmd:""`
	}
	parser, err := kong.New(&grammar)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if r := recover(); r != "a bug" {
			t.Errorf("recovered %v", r)
		}
	}()
	status := parseAndRun(parser, &cli{}, []string{"bug"})
	t.Errorf("exit status %d", status)
}
