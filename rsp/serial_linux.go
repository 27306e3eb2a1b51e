package rsp

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// serialLine is a terminal device in raw mode: KGDB on a serial port, or a
// pty of QEMU. Unlike a socket it may lose bytes.
type serialLine struct{ *os.File }

// bauds are the rates that have a constant.
var bauds = map[int]uint32{
	9600: unix.B9600, 19200: unix.B19200, 38400: unix.B38400, 57600: unix.B57600,
	115200: unix.B115200, 230400: unix.B230400, 460800: unix.B460800, 921600: unix.B921600,
	1500000: unix.B1500000, 3000000: unix.B3000000, 4000000: unix.B4000000,
}

// cutBaud splits "/dev/ttyS0,115200".
func cutBaud(addr string) (path string, baud int, err error) {
	path, rate, ok := strings.Cut(addr, ",")
	if !ok {
		return addr, 0, nil
	}
	baud, err = strconv.Atoi(rate)
	if _, known := bauds[baud]; err != nil || !known {
		return "", 0, fmt.Errorf("%q is no rate of a serial line", rate)
	}
	return path, baud, nil
}

// openSerial opens a line so that Close ends a Read that waits: not blocking,
// which makes os.File use the poller.
func openSerial(path string, baud int) (*serialLine, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	if err := setRaw(fd, baud); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set %s to raw mode: %w", path, err)
	}
	return &serialLine{os.NewFile(uintptr(fd), path)}, nil
}

// setRaw makes a terminal pass bytes as they are, eight bits, no flow control.
// Source: cfmakeraw(3).
func setRaw(fd, baud int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON | unix.IXOFF
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag &^= unix.CSIZE | unix.PARENB | unix.CRTSCTS
	t.Cflag |= unix.CS8 | unix.CLOCAL | unix.CREAD
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if rate, ok := bauds[baud]; ok {
		t.Cflag = t.Cflag&^unix.CBAUD | rate
		t.Ispeed, t.Ospeed = rate, rate
	}
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
