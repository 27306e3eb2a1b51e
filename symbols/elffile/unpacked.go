package elffile

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Unpacked gives what a file that is compressed as a whole holds, for programs
// that cannot read it as it is; nil for one that is not compressed.
func Unpacked(path string) ([]byte, error) {
	data, _, err := mapFile(path)
	if err != nil {
		return nil, err
	}
	plain, err := decompressFile(data)
	if err = errors.Join(err, unix.Munmap(data)); err != nil {
		return nil, fmt.Errorf("decompress %q: %w", path, err)
	}
	return plain, nil
}
