package rsp_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

func TestARefusedConnectionSaysWhatToDo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() // nobody listens there now
	_, port, _ := net.SplitHostPort(addr)
	dead := filepath.Join(t.TempDir(), "dead")
	for at, want := range map[string]string{
		addr:           "(nothing listens on " + addr + ": start QEMU with -gdb tcp:127.0.0.1:" + port + ")",
		"unix:" + dead: "start QEMU with -gdb unix:" + dead + ",server,nowait",
		dead:           "start QEMU with -gdb unix:" + dead + ",server,nowait",
		"localhost":    "want host:port",
		t.TempDir():    "neither a socket nor a serial line",
		"/dev/null,7":  `"7" is no rate`,
	} {
		conn, err := rsp.Dial(t.Context(), at)
		if err == nil || conn != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", at, err, want)
		}
	}
}

func TestASocketIsDialledByItsBarePath(t *testing.T) {
	addr := rsptest.ListenUnix(t, rsptest.Answers(map[string]string{"qC": "QC1"}))
	for _, at := range []string{addr, strings.TrimPrefix(addr, "unix:")} {
		conn, err := rsp.Dial(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		talkOver(t, conn)
	}
}

// talkOver runs one request over a connection that answers qC with QC1.
func talkOver(t *testing.T, conn io.ReadWriteCloser) {
	t.Helper()
	c := rsp.NewClient(conn, nil)
	var wg sync.WaitGroup
	wg.Go(func() { c.Run() })
	if got, err := c.Do(t.Context(), rsp.AnyThread, []byte("qC")); err != nil || string(got) != "QC1" {
		t.Errorf("%q, %v", got, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

func TestAPseudoTerminalIsASerialLine(t *testing.T) {
	stub, path := openPTY(t)
	conn, err := rsp.Dial(t.Context(), path+",115200")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		r := rsp.NewReader(stub, 0)
		for {
			m, err := r.Next()
			if err != nil {
				return
			}
			if m.Kind == rsp.Packet {
				if string(m.Body) != "qC" {
					t.Errorf("stub got %q: an echo?", m.Body)
				}
				io.WriteString(stub, "+$QC1#c5")
			}
		}
	})
	talkOver(t, conn)
	stub.Close()
	wg.Wait()
}

// openPTY opens a pseudo terminal and returns its master and the path of the other end.
func openPTY(t *testing.T) (*os.File, string) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("SKIPPED: no pseudo terminals here: %v", err)
	}
	master := os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return master, fmt.Sprintf("/dev/pts/%d", n)
}

func TestThePortForGDBIsOnLoopbackUnlessAskedFor(t *testing.T) {
	for addr, loopback := range map[string]bool{":0": true, "localhost:0": true, "*:0": false} {
		l, err := rsp.Listen(addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Addr().(*net.TCPAddr).IP.IsLoopback(); got != loopback {
			t.Errorf("%s listens on %v", addr, l.Addr())
		}
		if _, err := rsp.Listen(l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "--listen") {
			t.Errorf("taken port: %v", err)
		}
		l.Close()
	}
}

func TestAStaleSocketIsReplacedAndALivingOneIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gdb")
	l, err := rsp.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rsp.Listen("unix:" + path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("living socket: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	l, err = rsp.Listen(path)
	if err != nil {
		t.Fatalf("stale socket: %v", err)
	}
	l.Close()
}
