package session

import (
	"context"
	"fmt"
	"strings"

	"ktrap/session/kernel"
	"ktrap/session/report"
)

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
