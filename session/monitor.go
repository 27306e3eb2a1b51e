package session

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"ktrap/session/kernel"
	"ktrap/session/report"
)

// monitor runs `monitor ktrap ...` here and everything else in QEMU.
func (g *gdbClient) monitor(ctx context.Context, p string, _ *moment) {
	raw, err := hex.DecodeString(strings.TrimPrefix(p, "qRcmd,"))
	if err != nil {
		g.reply([]byte("E01"))
		return
	}
	command := strings.TrimSpace(string(raw))
	var out string
	err = g.s.Do(ctx, func(ctx context.Context, v *Stopped) (err error) {
		if own, ok := strings.CutPrefix(command, "ktrap"); ok {
			out = v.ownMonitor(ctx, strings.TrimSpace(own))
			return nil
		}
		out, err = v.Monitor(ctx, command)
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

// longestOutput is how much of a monitor command's output gdb is shown. It takes
// twice as much on the wire.
const longestOutput = 16 << 20

func shorten(out string) string {
	if len(out) <= longestOutput {
		return out
	}
	return fmt.Sprintf("%s\n... and %d bytes more\n", out[:longestOutput], len(out)-longestOutput)
}

// ownMonitor answers gdb's `monitor ktrap ...`.
func (v *Stopped) ownMonitor(ctx context.Context, command string) string {
	switch command {
	case "report":
		stop := v.LastStop()
		if stop.Crash == nil {
			return "the guest does not stand at a crash\n"
		}
		var b strings.Builder
		if err := report.Text(&b, stop.Crash.Report, nil); err != nil {
			return err.Error() + "\n"
		}
		return b.String()
	case "status":
		if v.World == nil {
			return "no kernel is known yet\n"
		}
		k := v.World.Kernel
		return fmt.Sprintf("Linux %s, slide %v (found by %s), build-id %s, %d traps armed\n",
			k.Release, k.Slide, k.How, k.BuildID, len(v.armed))
	case "dmesg":
		if v.World == nil {
			return "no kernel is known yet\n"
		}
		return v.dmesg(ctx)
	}
	return "monitor ktrap report | status | dmesg\n"
}

func (v *Stopped) dmesg(ctx context.Context) string {
	records, err := v.World.Kernel.Log(ctx)
	text := string(kernel.Dmesg(records))
	if err != nil {
		text += err.Error() + "\n"
	}
	return text
}
