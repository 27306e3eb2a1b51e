package index

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Folder keeps indexes as files, one per identity, up to a total size. Several
// processes may use it at once. What goes wrong in it costs time, never an answer.
type Folder struct {
	Dir string
	Max int64 // bytes in all; of what was used longest ago is parted with first
}

// defaultMax has room for a dozen distribution kernels.
const defaultMax = 256 << 20

// UserFolder gives the folder below $KTRAP_CACHE, else in the user's cache; nil
// when there is none.
func UserFolder() *Folder {
	if dir := os.Getenv("KTRAP_CACHE"); dir != "" {
		return &Folder{filepath.Join(dir, "index"), defaultMax}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	return &Folder{filepath.Join(cache, "ktrap", "index"), defaultMax}
}

func (f *Folder) path(id Identity) string {
	return filepath.Join(f.Dir, hex.EncodeToString(id[:16])+suffix)
}

const (
	suffix = ".idx"
	wanted = ".wanted" // of an empty file beside the index
)

// Load maps the index of an identity. One that is damaged or stale is removed.
// Errors: fs.ErrNotExist, ErrDamaged, ErrStale.
func (f *Folder) Load(id Identity) (*Index, error) {
	data, err := f.Map(id)
	if err != nil {
		return nil, err
	}
	x, err := Read(data, id)
	if err != nil {
		return nil, fmt.Errorf("load index %q: %w", f.path(id), errors.Join(err, unix.Munmap(data), f.Remove(id)))
	}
	x.mapped = data
	return x, nil
}

// Map maps what is kept for an identity without looking at it: a [Folder] keeps
// what others have made, too. It is in use from now on.
// Errors: fs.ErrNotExist, ErrDamaged.
func (f *Folder) Map(id Identity) ([]byte, error) {
	path := f.path(id)
	data, err := MapFile(path)
	if err != nil {
		return nil, fmt.Errorf("load index: %w", err)
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // in a folder that cannot be written to nothing is evicted either
	return data, nil
}

// Remove parts with what is kept for an identity.
func (f *Folder) Remove(id Identity) error { return os.Remove(f.path(id)) }

// Wanted notes that an index would have been of use, and reports whether that was
// noted before.
func (f *Folder) Wanted(id Identity) bool {
	mark := f.path(id) + wanted
	if _, err := os.Stat(mark); err == nil {
		return true
	}
	if os.MkdirAll(f.Dir, 0o700) == nil {
		_ = os.WriteFile(mark, nil, 0o600) // if it cannot be noted, it is not
	}
	return false
}

// Save keeps an index. The file appears whole or not at all.
func (f *Folder) Save(id Identity, data []byte) error {
	if int64(len(data)) > f.Max {
		return nil
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return fmt.Errorf("save index: %w", err)
	}
	f.evict(f.Max - int64(len(data)))
	tmp, err := os.CreateTemp(f.Dir, "new-*.tmp")
	if err != nil {
		return fmt.Errorf("save index: %w", err)
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), f.path(id))
	}
	if err != nil {
		return fmt.Errorf("save index: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}

// MapFile maps the file of an index read-only. What cannot be one is removed.
// Errors: fs.ErrNotExist, ErrDamaged.
func MapFile(path string) ([]byte, error) {
	// Opened so, a FIFO is not waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read-only: nothing to lose
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() < headerSize || st.Size() > maxSize {
		return nil, errors.Join(fmt.Errorf("%q: %w", path, ErrDamaged), os.Remove(path))
	}
	return unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_POPULATE)
}
