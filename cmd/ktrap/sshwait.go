package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"ktrap/session/guest"
	"ktrap/session/vm"
)

// consoleLines is how much of the console goes into an error.
const consoleLines = 8

// lastLines gives the last lines of a console that are not empty. console may be
// nil: the console is not ours.
func lastLines(console func() []byte, n int) []string {
	if console == nil {
		return nil
	}
	var lines []string
	for line := range strings.Lines(vm.Printable(console())) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-n):]
}

// stillWaiting makes what tells a person that SSH does not answer yet, and what
// the guest does meanwhile.
func stillWaiting(addr string, console func() []byte) func(time.Duration) {
	return func(waited time.Duration) {
		last := ""
		if lines := lastLines(console, 1); len(lines) > 0 {
			last = "; the console: " + lines[0]
		}
		progress("still waiting for SSH on %s after %v%s", addr, waited.Round(time.Second), last)
	}
}

// withConsole adds to the error of a guest that did not answer in time what to
// do, and the end of its console. Other errors stay as they are.
func withConsole(err error, console func() []byte) error {
	if wait, ok := errors.AsType[*guest.WaitError](err); !ok || !errors.Is(wait.Ctx, context.DeadlineExceeded) {
		return err
	}
	text := "--boot-timeout gives it longer"
	if lines := lastLines(console, consoleLines); len(lines) > 0 {
		text += ". The console's last lines:\n  " + strings.Join(lines, "\n  ")
	}
	return fmt.Errorf("%w; %s", err, text)
}

// sshCommand is the command line of a person who wants to log in, ready to paste.
func sshCommand(o *guest.Options) string {
	words := []string{"ssh"}
	if o.Key != "" {
		words = append(words, "-i", o.Key)
	}
	if o.KnownHosts != "" {
		words = append(words, "-o", "UserKnownHostsFile="+o.KnownHosts, "-o", "HostKeyAlias="+o.HostAlias)
	} else {
		words = append(words, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
	}
	host, port, err := net.SplitHostPort(o.Addr)
	if err != nil {
		host, port = o.Addr, "22"
	}
	return vm.ShellLine(append(words, "-p", port, "root@"+host))
}
