package rsp

import (
	"io"
	"net"
	"os"
	"syscall"
)

// Each read and write of a socket is a system call that does not block, and that Go's
// scheduler nevertheless takes note of: when nothing else runs it wakes its monitor thread
// for each, which then looks on every 20 µs. gdb waits through a dozen of them at a stop,
// and that thread takes the processor from it; so they are made without the scheduler.

// rawSocket gives what a socket's system calls need, nil of another stream.
func rawSocket(stream any) syscall.RawConn {
	conn, ok := stream.(interface {
		net.Conn
		syscall.Conn
	})
	if !ok {
		return nil
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// socketReader reads from a socket.
type socketReader struct {
	raw syscall.RawConn
	try func(fd uintptr) (done bool)

	// Of the Read that goes on.
	p     []byte
	n     int
	errno syscall.Errno
}

// quietly gives a reader of the stream r that does not tell the scheduler, if there is
// one. Its Read is for one goroutine at a time.
func quietly(r io.Reader) io.Reader {
	raw := rawSocket(r)
	if raw == nil {
		return r
	}
	s := &socketReader{raw: raw}
	s.try = s.attempt
	return s
}

func (s *socketReader) Read(p []byte) (int, error) {
	s.p = p
	err := s.raw.Read(s.try)
	switch {
	case err != nil:
		return 0, err
	case s.errno != 0:
		return 0, os.NewSyscallError("read", s.errno)
	case s.n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return s.n, nil
}

// attempt is done if the read need not wait for bytes.
func (s *socketReader) attempt(fd uintptr) (done bool) {
	s.n, s.errno = quietCall(syscall.SYS_READ, fd, s.p)
	return s.errno != syscall.EAGAIN
}

// writesAtOnce gives the atOnce of a socket, nil of another stream.
func writesAtOnce(stream any) func(p []byte) (n int) {
	raw := rawSocket(stream)
	if raw == nil {
		return nil
	}
	return func(p []byte) (n int) {
		_ = raw.Write(func(fd uintptr) (done bool) { // what is wrong the writer finds out
			n, _ = quietCall(syscall.SYS_WRITE, fd, p)
			return true
		})
		return n
	}
}
