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
