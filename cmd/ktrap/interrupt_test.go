package main

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// interrupt sends Ctrl-C to this process and returns when it has arrived.
func interrupt(t *testing.T) {
	t.Helper()
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, os.Interrupt)
	defer signal.Stop(arrived)
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-arrived
}

func TestCtrlCEndsAnAttachThatIsUnderWay(t *testing.T) {
	ctx, _, stop := interruptibleUntil(t.Context())
	defer stop()
	interrupt(t)
	<-ctx.Done()
}

func TestCtrlCInAnOpenTerminalEndsNothing(t *testing.T) {
	ctx, open, stop := interruptibleUntil(t.Context())
	open()
	interrupt(t)
	if ctx.Err() != nil {
		t.Error("the session ends")
	}
	stop()
	if ctx.Err() == nil {
		t.Error("stop leaves the context open")
	}
}
