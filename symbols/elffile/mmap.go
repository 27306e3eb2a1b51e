package elffile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a regular file read-only.
func mapFile(path string) (data []byte, unmap func() error, err error) {
	// Opened so, a FIFO is not waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() // read-only: nothing to lose
	st, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	switch {
	case st.IsDir():
		return nil, nil, fmt.Errorf("open %q: a folder, give the file in it: %w", path, ErrNotELF)
	case !st.Mode().IsRegular():
		return nil, nil, fmt.Errorf("open %q: no regular file, copy it to one: %w", path, ErrNotELF)
	case st.Size() == 0:
		return nil, nil, fmt.Errorf("open %q: the file is empty: %w", path, ErrNotELF)
	}
	data, err = unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, fmt.Errorf("map %q: %w", path, err)
	}
	return data, func() error { return unix.Munmap(data) }, nil
}
