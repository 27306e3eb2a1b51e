package vm

import (
	"context"
	"fmt"
	"net"
	"strings"
)

// QEMU is told port 0 and asked afterwards what it got: a port that ktrap
// looked for first could be taken by somebody else before QEMU binds it.

// findPorts asks QEMU where the stub and the SSH forward listen.
func (v *VM) findPorts(ctx context.Context, o *Options, socket string) error {
	v.gdb = socket
	switch {
	case o.extra("-s", "-gdb"), o.GDB == "tcp":
		var devs []chardev
		if err := v.qmp.Do(ctx, "query-chardev", nil, &devs); err != nil {
			return err
		}
		v.gdb = stubAddr(devs)
	case o.GDB == "none":
		v.gdb = ""
	case o.GDB != "":
		v.gdb = o.GDB
	}
	usernet, err := v.qmp.Monitor(ctx, "info usernet")
	if err != nil {
		return err
	}
	v.ssh = sshForward(usernet)
	return nil
}

type chardev struct {
	Label    string `json:"label"`
	Filename string `json:"filename"`
}

// stubAddr finds the address of QEMU's gdb chardev, "" if there is none.
// Source: a line is "disconnected:tcp:127.0.0.1:38191,server=on" or, for
// sockets, "disconnected:unix:/run/x,server=on".
func stubAddr(devs []chardev) string {
	for _, d := range devs {
		if d.Label != "gdb" {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(d.Filename, "disconnected:"), ",")
		if path, ok := strings.CutPrefix(name, "unix:"); ok {
			return path
		}
		return loopback(strings.TrimPrefix(name, "tcp:"))
	}
	return ""
}

// sshForward finds the host address that is forwarded to the guest's port 22
// in the output of `info usernet`, "" if none is.
// Source: "  TCP[HOST_FORWARD]   8       127.0.0.1 36691       10.0.2.15    22     0     0"
func sshForward(usernet string) string {
	for line := range strings.Lines(usernet) {
		f := strings.Fields(line)
		if len(f) < 6 || f[0] != "TCP[HOST_FORWARD]" || f[5] != "22" {
			continue
		}
		host := f[2]
		if host == "*" {
			host = "0.0.0.0"
		}
		return loopback(net.JoinHostPort(host, f[3]))
	}
	return ""
}

// loopback replaces "any address" by one that can be dialled.
func loopback(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	switch host {
	case "", "0.0.0.0", "::":
		return fmt.Sprintf("127.0.0.1:%s", port)
	}
	return addr
}
