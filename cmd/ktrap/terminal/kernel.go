package terminal

import (
	"context"
	"errors"
	"strings"

	"ktrap/session/report"
)

func kernelCommands() []command {
	return []command{
		{names: []string{"info"}, args: "[SUBJECT]", help: "what is known of SUBJECT; info alone lists them", example: "info tasks sh", run: info},
		{names: []string{"dmesg"}, args: "[N]", help: "the kernel's log, or its last N lines", example: "dmesg 20", run: dmesg},
	}
}

func sessionCommands() []command {
	return []command{
		{names: []string{"report"}, help: "the report of the crash the guest stands at", example: "report", run: showReport},
		{names: []string{"monitor"}, args: "COMMAND", help: "a command of QEMU's monitor", example: "monitor info registers", run: monitor},
		{names: []string{"help", "h", "?"}, args: "[COMMAND]", help: "all commands, or one with an example", example: "help break", run: help},
		{names: []string{"quit", "q", "exit"}, help: "leave; the guest runs on, without breakpoints", example: "quit", run: quit},
	}
}

func dmesg(ctx context.Context, t *Terminal, args string) error {
	n, err := count(args, 0)
	if err != nil {
		return err
	}
	text, err := t.dbg.Dmesg(ctx)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if n > 0 && n < len(lines) {
		lines = lines[len(lines)-n:]
	}
	for _, l := range lines {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		t.printf("%s\n", block(l))
	}
	return nil
}

func showReport(ctx context.Context, t *Terminal, _ string) error {
	stop, err := t.s.Wait(ctx)
	if err != nil {
		return err
	}
	if stop.Crash == nil {
		return errors.New("the guest does not stand at a crash; reports are in the report directory")
	}
	if stop.Crash.Path != "" {
		t.printf("%s\n", stop.Crash.Path)
	}
	return report.Text(t.out, stop.Crash.Report, &report.TextOptions{Color: t.colors.on})
}

func monitor(ctx context.Context, t *Terminal, args string) error {
	out, err := t.dbg.Monitor(ctx, args)
	t.printf("%s", block(strings.ReplaceAll(out, "\r", "")))
	return err
}

func quit(_ context.Context, t *Terminal, _ string) error {
	t.quit = true
	return nil
}
