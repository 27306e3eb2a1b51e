//go:build qemu

package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bare starts a QEMU that has nothing to boot and needs none.
func bare(t *testing.T, change func(*Options)) *VM {
	t.Helper()
	o := &Options{Machine: "pc", Mem: "64M", SMP: 1, Paused: true, NIC: "e1000", Dir: t.ArtifactDir()}
	if change != nil {
		change(o)
	}
	v, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func TestQEMUPicksItsOwnPorts(t *testing.T) {
	v := bare(t, func(o *Options) { o.GDB = "tcp" })
	for _, addr := range []string{v.GDBAddr(), v.SSHAddr()} {
		if !strings.HasPrefix(addr, "127.0.0.1:") || strings.HasSuffix(addr, ":0") {
			t.Errorf("address %q is not a loopback port", addr)
		}
	}
	if info, err := os.Stat(bare(t, nil).GDBAddr()); err != nil || info.Mode()&os.ModeSocket == 0 {
		t.Errorf("stub is not on a unix socket: %v", err)
	}
}

func TestMonitorAnswers(t *testing.T) {
	events := make(chan Event, 100) // QEMU's few events must not wait for this test
	v := bare(t, func(o *Options) { o.OnEvent = func(e Event) { events <- e } })
	if s, err := v.QMP().Status(t.Context()); s != "prelaunch" || err != nil {
		t.Errorf("status is %q, %v", s, err)
	}
	if s, err := v.QMP().Monitor(t.Context(), "info kvm"); !strings.Contains(s, "kvm support: disabled") || err != nil {
		t.Errorf("info kvm says %q, %v", s, err)
	}
	err := v.QMP().Do(t.Context(), "no-such-command", nil, nil)
	if refused, ok := errors.AsType[*QMPError](err); !ok || refused.Class != "CommandNotFound" {
		t.Errorf("an unknown command gave %v", err)
	}
	if err := v.QMP().Cont(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := <-events; e.Name != "RESUME" {
		t.Errorf("first event is %q", e.Name)
	}
	if err := v.QMP().Quit(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-v.Done()
	if err := v.Err(); err != nil {
		t.Errorf("after quit: %v", err)
	}
}

func TestBadArgumentsAreAnInfraErrorWithQEMUsWords(t *testing.T) {
	_, err := Start(t.Context(), &Options{Extra: []string{"-no-such-option"}})
	infra, ok := errors.AsType[*InfraError](err)
	if !ok || !strings.Contains(infra.Output, "-no-such-option") {
		t.Errorf("got %v", err)
	}
}

func TestHabitualArgumentsDoNotClashWithOurs(t *testing.T) {
	for _, extra := range [][]string{
		{"-nographic"}, {"-serial", "mon:stdio"}, {"-nographic", "-serial", "mon:stdio"}, {"-display", "none"}, {"-vga", "none"},
		{"-accel", "tcg"}, {"-machine", "q35"}, {"-snapshot"}, {"-no-reboot"}, {"-smp", "2"}, {"-m", "96M"},
	} {
		v := bare(t, func(o *Options) { o.Extra = extra })
		if s, err := v.QMP().Status(t.Context()); s != "prelaunch" || err != nil {
			t.Errorf("with %q the status is %q, %v", extra, s, err)
		}
	}
}

func TestAKilledQEMUIsAnInfraError(t *testing.T) {
	v := bare(t, nil)
	if err := syscall.Kill(v.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-v.Done()
	if _, ok := errors.AsType[*InfraError](v.Err()); !ok {
		t.Errorf("got %v", v.Err())
	}
	if err := v.QMP().Stop(t.Context()); err == nil {
		t.Error("the monitor of a dead QEMU answered")
	}
}

// TestMain lets the test binary play a ktrap that starts a QEMU and waits.
func TestMain(m *testing.M) {
	if os.Getenv("KTRAP_TEST_PARENT") == "" {
		os.Exit(m.Run())
	}
	v, err := Start(context.Background(), &Options{Machine: "pc", Mem: "64M", Paused: true, NIC: "none"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(v.Pid(), v.Dir())
	select {}
}

func TestQEMUDiesWithAKilledKtrap(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "KTRAP_TEST_PARENT=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var dir string
	if _, err := fmt.Fscan(out, &pid, &dir); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	fd, err := pidfd(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	if err := ended(fd, 10*time.Second); err != nil {
		t.Errorf("QEMU %d lives on: %v", pid, err)
	}
	bare(t, nil)
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("the next start leaves %s lying about", dir)
	}
}
