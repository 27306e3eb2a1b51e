package rsp

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// connected gives both ends of a connection.
func connected(t *testing.T, network, addr string) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return near, far
}

func TestASocketIsReadToItsEnd(t *testing.T) {
	for network, addr := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")} {
		near, far := connected(t, network, addr)
		sent := strings.Repeat("0123456789", 1<<16)
		go func() {
			_, _ = io.WriteString(far, sent) // what is missing is found below
			far.Close()
		}()
		r := quietly(near)
		if r == io.Reader(near) {
			t.Fatalf("%s: no socket of its own is made", network)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != sent {
			t.Errorf("%s: %d bytes, %v; want %d", network, len(got), err, len(sent))
		}
	}
}

func TestASocketIsWrittenAsFarAsItTakes(t *testing.T) {
	near, far := connected(t, "tcp", "127.0.0.1:0")
	write := writesAtOnce(near)
	if n := write([]byte("abc")); n != 3 {
		t.Fatalf("%d bytes of 3 were written", n)
	}
	p := make([]byte, 3)
	if _, err := io.ReadFull(far, p); err != nil || string(p) != "abc" {
		t.Fatalf("%q, %v", p, err)
	}
	const much = 64 << 20
	if n := write(make([]byte, much)); n <= 0 || n >= much {
		t.Errorf("%d bytes were written that nobody reads", n)
	}
	if n := write([]byte("x")); n != 0 {
		t.Errorf("%d bytes were written where there is no room", n)
	}
	near.Close()
	if n := write([]byte("x")); n != 0 {
		t.Errorf("%d bytes were written after the end", n)
	}
}

func TestAReadOfASocketEnds(t *testing.T) {
	for why, end := range map[error]func(near, far net.Conn){
		net.ErrClosed:          func(near, _ net.Conn) { near.Close() },
		os.ErrDeadlineExceeded: func(near, _ net.Conn) { _ = near.SetReadDeadline(time.Now()) },
		io.EOF:                 func(_, far net.Conn) { far.Close() },
		syscall.ECONNRESET:     func(_, far net.Conn) { _ = far.(*net.TCPConn).SetLinger(0); far.Close() },
	} {
		near, far := connected(t, "tcp", "127.0.0.1:0")
		ended := make(chan error, 1)
		go func() {
			_, err := quietly(near).Read(make([]byte, 1))
			ended <- err
		}()
		end(near, far)
		if err := <-ended; !errors.Is(err, why) {
			t.Errorf("%v; want %v", err, why)
		}
	}
}
