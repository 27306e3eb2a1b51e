package elffile

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// mapFile maps a regular file read-only. It makes no [os.File] of it, for which Go
// would first set up its waiting for files.
func mapFile(path string) (data []byte, st *unix.Stat_t, err error) {
	fd, st, err := openFile(path)
	if err != nil {
		return nil, nil, err
	}
	defer unix.Close(fd) // read-only: nothing to lose
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return nil, nil, fmt.Errorf("open %q: a folder, give the file in it: %w", path, ErrNotELF)
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, nil, fmt.Errorf("open %q: no regular file, copy it to one: %w", path, ErrNotELF)
	case st.Size == 0:
		return nil, nil, fmt.Errorf("open %q: the file is empty: %w", path, ErrNotELF)
	}
	data, err = unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, fmt.Errorf("map %q: %w", path, err)
	}
	return data, st, nil
}

// openFile opens a file for reading.
func openFile(path string) (fd int, st *unix.Stat_t, err error) {
	// Opened so, a FIFO is not waited for.
	fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return 0, nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	st = new(unix.Stat_t)
	if err := unix.Fstat(fd, st); err != nil {
		unix.Close(fd) // read-only: nothing to lose
		return 0, nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return fd, st, nil
}
