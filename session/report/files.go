package report

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// file is what is written to, so that a full disk can be tested.
type file interface {
	io.Writer
	Truncate(size int64) error
	Close() error
}

// creator makes a file in a directory.
type creator func(dir *os.Root, name string) (file, error)

func createIn(dir *os.Root, name string) (file, error) { return dir.Create(name) }

// spare is given back when the disk is full, so that the files that people read
// first can still say so.
// Units: bytes.
const spare = 64 << 10

// dirWriter writes the files of one report directory.
type dirWriter struct {
	dir    *os.Root
	create creator
	saved  bool // something is in the directory
}

// file writes as much of data as fits and gives how much that is.
func (w *dirWriter) file(name string, data []byte) (int, error) {
	f, err := w.create(w.dir, name)
	if err != nil {
		return 0, fmt.Errorf("create %s: %w", name, cause(err))
	}
	n, err := f.Write(data)
	if err != nil {
		err = fmt.Errorf("write %s: %w", name, cause(err))
		n = max(0, n-spare)
		err = errors.Join(err, f.Truncate(int64(n)))
	}
	w.saved = w.saved || n > 0 && !strings.HasSuffix(name, partial)
	return n, errors.Join(err, f.Close())
}

// partial ends the names of files and directories that are not done.
const partial = ".partial"

// cause drops the path of an error: people know the file by its last name.
func cause(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

// replace writes a file whole or leaves the one that is there.
func (w *dirWriter) replace(name string, data []byte) error {
	hidden := "." + name + partial
	if _, err := w.file(hidden, data); err != nil {
		return errors.Join(err, w.dir.Remove(hidden))
	}
	if err := w.dir.Rename(hidden, name); err != nil {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	w.saved = true
	return nil
}
