package main

import (
	"os"
	"os/exec"
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
	cmd := exec.CommandContext(t.Context(), self, "version")
	cmd.Env = append(os.Environ(), asKtrap+"=1")
	cmd.Stdout = w
	err = cmd.Run()
	w.Close()
	if !cmd.ProcessState.Exited() {
		t.Errorf("ktrap ended with %v", err)
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

