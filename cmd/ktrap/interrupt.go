package main

import (
	"context"
	"os"
	"os/signal"
)

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
