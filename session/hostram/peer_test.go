package hostram

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const tcpHead = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// procTree writes files and links (whose text begins with ->) as /proc has them.
func procTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, link := strings.CutPrefix(text, "->"); link {
			err = os.Symlink(to, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func entry(n int, local, remote, state, inode string) string {
	return fmt.Sprintf("%4d: %s %s %s 00000000:00000000 00:00000000 00000000     0        0 %s 1 0000000000000000 20 4 0 10 -1\n", n, local, remote, state, inode)
}

func TestTheProcessIsTheOneThatHoldsTheOtherEnd(t *testing.T) {
	const ours, stub = "0100007F:D5A8", "0100007F:04D2" // 127.0.0.1:54696 and :1234
	const mapped = "0000000000000000FFFF0000"
	const ours6, stub6 = mapped + ours, mapped + stub
	inode := func(n string) string { return "->socket:[" + n + "]" }
	for name, tt := range map[string]struct {
		files map[string]string
		pid   int // 0: ErrElsewhere
	}{
		"the stub's end": {map[string]string{
			"net/tcp": tcpHead + entry(0, stub, "00000000:0000", "0A", "10") + entry(1, ours, stub, "01", "11") + entry(2, stub, ours, "01", "12"),
			"7/comm":  "qemu-system-x86\n", "7/fd/0": "->/dev/null", "7/fd/9": inode("12"), "8/comm": "ktrap\n", "8/fd/3": inode("11"),
		}, 7},
		"a stub that listens for both families": {map[string]string{
			"net/tcp": tcpHead + entry(0, ours, stub, "01", "11"), "net/tcp6": tcpHead + entry(0, stub6, ours6, "01", "12"),
			"7/comm": "qemu-system-x86\n", "7/fd/9": inode("12"),
		}, 7},
		"QEMU before the one it inherited the socket from": {map[string]string{
			"net/tcp": tcpHead + entry(0, stub, ours, "01", "12"),
			"6/comm":  "virt-manager\n", "6/fd/3": inode("12"), "7/comm": "qemu-kvm\n", "7/fd/9": inode("12"),
		}, 7},
		"QEMU under another name": {map[string]string{
			"net/tcp": tcpHead + entry(0, stub, ours, "01", "12"),
			"6/comm":  "qemu-system-x86\n", "6/fd/3": inode("99"), "7/comm": "guest one\n", "7/fd/9": inode("12"),
		}, 7},
		"a connection to another host, or another network namespace": {map[string]string{
			"net/tcp": tcpHead + entry(0, ours, stub, "01", "11"), "7/comm": "qemu-system-x86\n", "7/fd/9": inode("12"),
		}, 0},
		"a connection that is being closed": {map[string]string{
			"net/tcp": tcpHead + entry(0, stub, ours, "06", "12"), "7/comm": "qemu-system-x86\n", "7/fd/9": inode("12"),
		}, 0},
		"a socket that nobody holds any more": {map[string]string{
			"net/tcp": tcpHead + entry(0, stub, ours, "01", "0"), "7/comm": "qemu-system-x86\n", "7/fd/9": inode("0"),
		}, 0},
		"a process whose files cannot be seen": {map[string]string{
			"net/tcp": tcpHead + entry(0, stub, ours, "01", "12"), "7/comm": "qemu-system-x86\n",
		}, 0},
		"a process that has ended": {map[string]string{
			"net/tcp": tcpHead + entry(0, stub, ours, "01", "12"), "7/fd/9": inode("12"),
		}, 0},
		"a table that is none": {map[string]string{"net/tcp": "no such thing here\n\n:::\n", "7/comm": "qemu-system-x86\n"}, 0},
		"no /proc":             {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			pid, err := peerOfTCP(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 0xd5a8}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1234}, procTree(t, tt.files))
			if pid != tt.pid || (err == nil) != (tt.pid != 0) || err != nil && !errors.Is(err, ErrElsewhere) {
				t.Errorf("process %d, %v, want %d", pid, err, tt.pid)
			}
		})
	}
}

func TestMemoryIsReadOfTheProcessThatListens(t *testing.T) {
	guest := []byte("guest memory")
	for network, at := range map[string]string{"unix": filepath.Join(t.TempDir(), "s"), "tcp": "127.0.0.1:0"} {
		t.Run(network, func(t *testing.T) {
			l, err := net.Listen(network, at)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			conn, err := net.Dial(network, l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			stub, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer stub.Close()
			p := Behind(conn, "/proc")
			if err := p.ReadMemory(make([]byte, 1), 0x1000); err == nil {
				t.Error("read before it was opened")
			}
			for range 2 {
				if pid, err := p.Open(); pid != os.Getpid() || err != nil {
					t.Fatalf("process %d, %v", pid, err)
				}
			}
			got := make([]byte, len(guest))
			if err := p.ReadMemory(got, addressOf(guest)); err != nil || string(got) != string(guest) {
				t.Errorf("%q, %v", got, err)
			}
			for _, at := range []uint64{0, 0x10, 1 << 63, ^uint64(0)} {
				if err := p.ReadMemory(got, at); err == nil {
					t.Errorf("%#x reads as %q", at, got)
				}
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			if err := p.ReadMemory(got, addressOf(guest)); err == nil {
				t.Error("read after it was closed")
			}
		})
	}
}

func TestAProcessThatMayNotBeReadSaysWhatToDo(t *testing.T) {
	for _, no := range []error{syscall.EACCES, syscall.EPERM} {
		err := explain(&fs.PathError{Op: "open", Path: "/proc/7/mem", Err: no})
		if !errors.Is(err, no) || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "ptrace_scope") {
			t.Errorf("%v", err)
		}
	}
	if err := explain(nil); err != nil {
		t.Error(err)
	}
}

func TestAProcessWhoseMemoryIsNotThereIsRefused(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := Behind(conn, t.TempDir()).Open(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// serial is a line without a process at its end.
type serial struct{}

func (serial) Read([]byte) (int, error)    { return 0, fs.ErrClosed }
func (serial) Write(p []byte) (int, error) { return len(p), nil }
func (serial) Close() error                { return nil }

func TestASerialLineHasNoProcess(t *testing.T) {
	p := Behind(serial{}, "/proc")
	if _, err := p.Open(); !errors.Is(err, ErrElsewhere) || !strings.Contains(err.Error(), "serial") {
		t.Errorf("%v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	var none *Process
	if err := none.Close(); err != nil {
		t.Error(err)
	}
}

// FuzzFindSocket: an inode is found only in a line that names both ends.
func FuzzFindSocket(f *testing.F) {
	f.Add(tcpHead + entry(0, "0100007F:04D2", "0100007F:D5A8", "01", "12"))
	f.Add(tcpHead + entry(0, "0000000000000000FFFF00000100007F:04D2", "0000000000000000FFFF00000100007F:D5A8", "01", "12"))
	f.Add(tcpHead + entry(0, "7F:04D2", ":", "01", "12") + "0: a b 01 1 1 1 1 1 1")
	local, remote := netip.MustParseAddrPort("127.0.0.1:1234"), netip.MustParseAddrPort("127.0.0.1:54696")
	f.Fuzz(func(t *testing.T, table string) {
		inode, ok := findSocket(strings.NewReader(table), local, remote)
		upper := strings.ToUpper(table)
		named := strings.Contains(upper, "0100007F:") && strings.Contains(upper, "4D2") && strings.Contains(upper, "D5A8")
		if ok != (inode != "") || ok && !named {
			t.Errorf("found %q, %v", inode, ok)
		}
	})
}
