package hostram

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrElsewhere says that the other end of a connection is no process that can
// be seen from here.
var ErrElsewhere = errors.New("the stub's process is not on this host, in another container, or another user's")

// peer finds the process at the other end of a connection.
// Errors: wraps ErrElsewhere.
func peer(conn any, proc string) (pid int, err error) {
	switch c := conn.(type) {
	case *net.UnixConn:
		return peerOfUnix(c)
	case *net.TCPConn:
		return peerOfTCP(c.LocalAddr(), c.RemoteAddr(), proc)
	}
	return 0, fmt.Errorf("%w: it is reached over a serial line", ErrElsewhere)
}

// peerOfUnix asks the kernel, which knows who listened.
func peerOfUnix(c *net.UnixConn) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("ask who listens on the socket: %w", err)
	}
	var cred *syscall.Ucred
	var credErr error
	if err = raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err == nil {
		err = credErr
	}
	if err != nil {
		return 0, fmt.Errorf("ask who listens on the socket: %w", err)
	}
	if cred.Pid <= 0 { // the process is in no PID namespace of ours
		return 0, ErrElsewhere
	}
	return int(cred.Pid), nil
}

// peerOfTCP finds the socket whose ends are those of ours the other way round,
// and the process that holds it. A tunnel or a proxy is found as well: it has no
// guest RAM, which a comparison shows.
func peerOfTCP(local, remote net.Addr, proc string) (int, error) {
	here, err := netip.ParseAddrPort(local.String())
	there, err2 := netip.ParseAddrPort(remote.String())
	if err != nil || err2 != nil {
		return 0, ErrElsewhere
	}
	for _, table := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(proc, "net", table))
		if err != nil {
			continue // a kernel without IPv6
		}
		inode, ok := findSocket(f, there, here)
		f.Close() // read-only
		if ok {
			return holderOf(inode, proc)
		}
	}
	return 0, ErrElsewhere
}

// established is TCP_ESTABLISHED. Source: linux include/net/tcp_states.h.
const established = "01"

// findSocket looks for an established connection in /proc/net/tcp or tcp6.
//
//	sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//	 0: 0100007F:04D2 0100007F:D5A8 01 00000000:00000000 00:00000000 00000000     0        0 31416 ...
func findSocket(table io.Reader, local, remote netip.AddrPort) (inode string, ok bool) {
	for sc := bufio.NewScanner(table); sc.Scan(); {
		f := strings.Fields(sc.Text())
		if len(f) < 10 || f[3] != established {
			continue
		}
		if at, ok := parseEnd(f[1]); !ok || at != plain(local) {
			continue
		}
		if at, ok := parseEnd(f[2]); ok && at == plain(remote) && f[9] != "0" {
			return f[9], true
		}
	}
	return "", false
}

// plain is an address without zone, an IPv4 address as such.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// parseEnd reads ADDRESS:PORT in hexadecimal: the address as words in the byte
// order of the machine, which is x86's wherever its RAM can be read here.
func parseEnd(s string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(s, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || len(host) != 8 && len(host) != 32 {
		return netip.AddrPort{}, false
	}
	var raw []byte
	for ; len(host) > 0; host = host[8:] {
		w, err := strconv.ParseUint(host[:8], 16, 32)
		if err != nil {
			return netip.AddrPort{}, false
		}
		raw = append(raw, byte(w), byte(w>>8), byte(w>>16), byte(w>>24))
	}
	a, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), ok
}

// holderOf finds the process that has a socket open, those that look like QEMU
// first.
func holderOf(inode, proc string) (int, error) {
	dirs, _ := filepath.Glob(filepath.Join(proc, "[0-9]*")) // only a bad pattern fails
	var rest []string
	for _, dir := range dirs {
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			continue // it has ended
		}
		if !strings.Contains(string(comm), "qemu") {
			rest = append(rest, dir)
			continue
		}
		if pid, ok := holds(dir, inode); ok {
			return pid, nil
		}
	}
	for _, dir := range rest {
		if pid, ok := holds(dir, inode); ok {
			return pid, nil
		}
	}
	return 0, ErrElsewhere
}

func holds(dir, inode string) (pid int, ok bool) {
	pid, err := strconv.Atoi(filepath.Base(dir))
	if err != nil {
		return 0, false
	}
	fds, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return 0, false // another user's
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(dir, "fd", fd.Name())); err == nil && to == "socket:["+inode+"]" {
			return pid, true
		}
	}
	return 0, false
}
