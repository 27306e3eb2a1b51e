package elffile

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// mapFile maps a regular file read-only. It makes no [os.File] of it, for which Go
// would first set up its waiting for files.
func mapFile(path string) (data []byte, unmap func() error, err error) {
	// Opened so, a FIFO is not waited for.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd) // read-only: nothing to lose
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
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
	return data, func() error { return unix.Munmap(data) }, nil
}
