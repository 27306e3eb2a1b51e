//go:build race

package rsp

import (
	"errors"
	"syscall"
)

// quietCall is made by package syscall, from which the race detector knows that what one
// goroutine has sent another has received.
func quietCall(trap, fd uintptr, p []byte) (n int, errno syscall.Errno) {
	call := syscall.Read
	if trap == syscall.SYS_WRITE {
		call = syscall.Write
	}
	err := error(syscall.EINTR)
	for err == syscall.EINTR {
		n, err = call(int(fd), p)
	}
	errors.As(err, &errno)
	return max(n, 0), errno
}
