package rsp

import (
	"context"
	"fmt"
	"strings"
)

// ranBefore reports whether the machine ran until the debugger came, which QEMU stops
// for it. Before 8.1 it says so, with a stop that nobody has asked for. Since then
// (gdbstub/system.c gdb_vm_state_change, allow_stop_reply) its monitor tells a machine
// that has not begun to run ("paused (prelaunch)") or stands at a breakpoint ("paused
// (debug)"). A plain "paused" may also have been somebody's stop: leaving that machine
// running does less harm than leaving one standing that ran.
func (c *Client) ranBefore(ctx context.Context) (bool, error) {
	if c.Features().Ran {
		return true, nil
	}
	version, err := c.Monitor(ctx, "info version")
	if err != nil {
		return false, unlessSaid(err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil || major < 8 || major == 8 && minor < 1 {
		return false, nil
	}
	status, err := c.Monitor(ctx, "info status")
	if err != nil {
		return false, unlessSaid(err)
	}
	return strings.TrimSpace(status) == "VM status: paused", nil
}

// unlessSaid drops what the stub itself has refused.
func unlessSaid(err error) error {
	if stubSays(err) {
		return nil
	}
	return err
}
