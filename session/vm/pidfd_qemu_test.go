//go:build qemu

package vm

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// pidfd opens a handle of a process that is not ours.
func pidfd(pid int) (*os.File, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

// ended waits until the process has ended.
func ended(f *os.File, limit time.Duration) error {
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(limit.Milliseconds()))
	if err != nil {
		return err
	}
	if n == 0 {
		return errors.New("still there")
	}
	return nil
}
