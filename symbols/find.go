package symbols

import "errors"

// ErrNotFound says that no file on the host fits.
var ErrNotFound = errors.New("no matching file found")

// FindVmlinux looks for the vmlinux of a kernel: in the extra directories, the
// working directory and the places of the distributions.
func FindVmlinux(release, buildID string, dirs []string) (string, error) {
	return "", ErrNotFound
}

// FindModule looks for the file with the debug information of a module.
func FindModule(release, name, buildID string, dirs []string) (string, error) {
	return "", ErrNotFound
}
