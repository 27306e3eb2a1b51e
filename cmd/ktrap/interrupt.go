package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// lifetime is the context of the commands that a signal must not end on the spot,
// with breakpoints in the guest or half a kernel fetched. It begins when a command
// asks for it: to take signals costs the others a tenth of their time.
type lifetime struct{ stop func() }

// begin takes the signals that ask ktrap to end. A reader that leaves (| head) is
// not among them: it makes writes fail. SIGPIPE is taken, not ignored, which QEMU
// and the compiler would inherit.
func (l *lifetime) begin() context.Context {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	l.stop = func() {
		signal.Stop(pipe)
		cancel()
	}
	return ctx
}

func (l *lifetime) end() {
	if l.stop != nil {
		l.stop()
	}
}

// interruptible ends a context at Ctrl-C, for the commands without a terminal.
func interruptible(ctx context.Context) (context.Context, func()) {
	return signal.NotifyContext(ctx, os.Interrupt)
}

// interruptibleUntil ends a context at Ctrl-C until open is called: from then
// on the key belongs to the terminal. Without it a Ctrl-C while ktrap attaches
// would leave a guest that stands and is full of breakpoints. Its goroutine ends
// with open or stop.
func interruptibleUntil(ctx context.Context) (_ context.Context, open, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	early, opened := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-signals:
			cancel()
		case <-early.Done():
		}
	}()
	open = func() { opened(); <-ended }
	return ctx, open, func() { cancel(); <-ended; signal.Stop(signals) }
}
