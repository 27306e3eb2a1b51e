package rsp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// place is an address, taken apart.
type place struct {
	network string // "tcp", "unix", "serial"
	addr    string // host:port, or a path
	baud    int    // of a serial line; 0: as it is set
}

// parsePlace takes an address apart. What has a slash in it is a path, and the
// file there says what it is.
func parsePlace(addr string) (place, error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return place{network: "unix", addr: path}, nil
	}
	if strings.ContainsRune(addr, '/') {
		path, baud, err := cutBaud(addr)
		if err != nil {
			return place{}, err
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return place{}, err
		case info.Mode()&fs.ModeSocket != 0:
			return place{network: "unix", addr: path}, nil
		case info.Mode()&fs.ModeCharDevice != 0:
			return place{"serial", path, baud}, nil
		}
		return place{}, fmt.Errorf("%s is neither a socket nor a serial line", path)
	}
	host, port, err := net.SplitHostPort(strings.TrimPrefix(addr, "tcp:"))
	if err != nil {
		return place{}, fmt.Errorf("want host:port, :port, unix:/path or the path of a socket or serial line: %w", err)
	}
	if host == "" {
		host = "localhost"
	}
	return place{network: "tcp", addr: net.JoinHostPort(host, port)}, nil
}

// Dial connects to a stub at "host:port", ":port", "unix:/path", the path of a
// socket, or the path of a serial line, "/dev/ttyS0" or "/dev/ttyUSB0,115200".
func Dial(ctx context.Context, addr string) (io.ReadWriteCloser, error) {
	p, err := parsePlace(addr)
	if err != nil {
		return nil, fmt.Errorf("connect to stub at %q: %w%s", addr, err, dialHint(place{network: "unix", addr: addr}, err))
	}
	if p.network == "serial" {
		line, err := openSerial(p.addr, p.baud)
		if err != nil {
			return nil, fmt.Errorf("open serial line: %w", err)
		}
		return line, nil
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, p.network, loopback(p.addr))
	if err != nil {
		return nil, fmt.Errorf("connect to stub: %w%s", err, dialHint(p, err))
	}
	return conn, nil
}

// loopback spells localhost as the address that QEMU and gdb mean by it. A
// small system may have no /etc/hosts, and a name server elsewhere must not
// decide where loopback is.
func loopback(addr string) string {
	if port, ok := strings.CutPrefix(addr, "localhost:"); ok {
		return "127.0.0.1:" + port
	}
	return addr
}

// dialHint says what to do when nothing listens.
func dialHint(p place, err error) string {
	switch {
	case !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, fs.ErrNotExist):
		return ""
	case p.network == "unix":
		path := strings.TrimPrefix(p.addr, "unix:")
		return fmt.Sprintf(" (nothing listens on %s: start QEMU with -gdb unix:%s,server,nowait)", path, path)
	case strings.HasSuffix(p.addr, ":1234"):
		return fmt.Sprintf(" (nothing listens on %s: start QEMU with -s)", p.addr)
	}
	_, port, _ := net.SplitHostPort(p.addr)
	return fmt.Sprintf(" (nothing listens on %s: start QEMU with -gdb tcp:127.0.0.1:%s)", p.addr, port)
}

// Listen opens the port for gdb at "host:port", ":port" (loopback), "*:port"
// (every interface: whoever reaches it owns the guest) or "unix:/path".
func Listen(addr string) (net.Listener, error) {
	network, at := "tcp", addr
	switch path, unix := strings.CutPrefix(addr, "unix:"); {
	case unix:
		network, at = "unix", path
	case strings.ContainsRune(addr, '/'):
		network = "unix"
	case strings.HasPrefix(addr, ":"):
		at = "localhost" + addr
	case strings.HasPrefix(addr, "*:"):
		at = addr[1:]
	}
	if network == "unix" {
		removeStale(at)
	}
	l, err := net.Listen(network, loopback(at))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("open port for gdb: %w (another ktrap or QEMU has it: choose one with --listen)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open port for gdb: %w", err)
	}
	return l, nil
}

// removeStale removes a socket that nobody listens on any more.
func removeStale(path string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		os.Remove(path) // Listen reports what is still in the way
	}
}

// ignoreClosed drops the error of closing twice.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}
