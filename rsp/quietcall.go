//go:build !race

package rsp

import (
	"syscall"
	"unsafe"
)

// quietCall reads into or writes p, and is n bytes done with if there is no error.
func quietCall(trap, fd uintptr, p []byte) (n int, errno syscall.Errno) {
	for {
		r, _, errno := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch errno {
		case 0:
			return int(r), 0
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}
