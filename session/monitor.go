package session

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// monitorCommand is one `monitor ktrap ...` of gdb's. It runs while the guest
// stands, with the stop lease.
type monitorCommand struct {
	name, args, help string
	run              func(ctx context.Context, v *Stopped, q *question) (string, error)
}

// question is what a command is asked by whom.
type question struct {
	g    *gdbClient
	now  *moment
	args string
}

// monitorCommands feeds the dispatch and the help.
func monitorCommands() []monitorCommand {
	return []monitorCommand{
		{"bt", "[THREAD|ADDR]", "the whole stack of the selected thread, over exceptions and interrupts; of a thread, or of the one with ADDR on its stack", monitorStack},
		{"report", "", "the report of the crash the guest stands at", monitorReport},
		{"dmesg", "[-n N]", "the kernel's log, or its last N lines", monitorDmesg},
		{"ps", "[TEXT]", "tasks, those whose name has TEXT", monitorTasks},
		{"mods", "", "modules: where they are and which file they are from", monitorModules},
		{"locate", "ADDR", "function and source line of an address or symbol, calls inlined there too", monitorLocate},
		{"who", "ADDR", "what lies at an address: symbol, module, task, stack, per-CPU data, slab object, page", monitorWho},
		{"traps", "", "where the guest is stopped at crashes, and what is done about them", monitorTraps},
		{"on", "CLASS=stop|log|off[:N]", "what to do at a class of crashes from now on", monitorOn},
		{"threads", "cpus|tasks", "whether gdb's threads are CPUs or tasks, from the next stop on", monitorThreads},
		{"session", "", "the kernel, and how it was found", monitorSession},
		{"list", "", "who is connected to this guest", monitorList},
	}
}

// monitor runs `monitor ktrap ...` here and everything else in QEMU.
func (g *gdbClient) monitor(ctx context.Context, p string, now *moment) {
	raw, err := hex.DecodeString(strings.TrimPrefix(p, "qRcmd,"))
	if err != nil {
		g.reply([]byte("E01"))
		return
	}
	command := strings.TrimSpace(string(raw))
	var out string
	err = g.s.Do(ctx, func(ctx context.Context, v *Stopped) (err error) {
		if own, ok := ownCommand(command); ok {
			out, err = v.ownMonitor(ctx, g, now, own)
		} else {
			out, err = v.Monitor(ctx, command)
		}
		return err
	})
	if err != nil {
		out += fmt.Sprintf("ktrap: monitor %s: %v\n", command, err)
	}
	_ = g.s.call(func() { // after the loop's end gdb is cut off
		if out != "" {
			g.print(shorten(out))
		}
		g.send([]byte("OK"))
	})
}

// ownCommand cuts the word ktrap off.
func ownCommand(command string) (string, bool) {
	first, rest, _ := strings.Cut(command, " ")
	return strings.TrimSpace(rest), first == "ktrap"
}

// ownMonitor answers gdb's `monitor ktrap ...`.
func (v *Stopped) ownMonitor(ctx context.Context, g *gdbClient, now *moment, command string) (string, error) {
	name, args, _ := strings.Cut(command, " ")
	q := &question{g: g, now: now, args: strings.TrimSpace(args)}
	for _, c := range monitorCommands() {
		if c.name == name {
			return c.run(ctx, v, q)
		}
	}
	if name != "" && name != "help" {
		return monitorHelp(), fmt.Errorf("there is no command %q", name)
	}
	return monitorHelp(), nil
}

func monitorHelp() string {
	var b strings.Builder
	for _, c := range monitorCommands() {
		fmt.Fprintf(&b, "monitor ktrap %-32s %s\n", strings.TrimSpace(c.name+" "+c.args), c.help)
	}
	b.WriteString("every other monitor command is QEMU's\n")
	return b.String()
}

// errWhat says that a command needs an argument.
var errWhat = errors.New("which address or symbol?")

// longestOutput is how much of a monitor command's output gdb is shown. It takes
// twice as much on the wire.
const longestOutput = 16 << 20

func shorten(out string) string {
	if len(out) <= longestOutput {
		return out
	}
	return fmt.Sprintf("%s\n... and %d bytes more\n", out[:longestOutput], len(out)-longestOutput)
}
