package vm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const (
	privatePrefix = "ktrap-vm-"
	ownerFile     = "owner" // locked for as long as the ktrap lives that made the folder
)

// private is a folder for the sockets and the console of one VM, readable by
// this user only.
type private struct {
	dir   string
	owner *os.File // its lock ends with the process, however that ends
}

// makePrivate makes such a folder below tmp, and removes those of ktraps that
// were killed.
func makePrivate(tmp string) (*private, error) {
	removeOrphans(tmp)
	dir, err := os.MkdirTemp(tmp, privatePrefix)
	if err != nil {
		return nil, err
	}
	p := &private{dir: dir}
	// The file gets its name once it is locked: an owner without a lock is dead.
	name := filepath.Join(dir, ownerFile)
	p.owner, err = os.OpenFile(name+".new", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = errors.Join(lock(p.owner), os.Rename(name+".new", name))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mark %s as in use: %w", dir, err), p.remove())
	}
	return p, nil
}

// remove removes the folder with all it holds.
func (p *private) remove() error {
	err := os.RemoveAll(p.dir)
	if p.owner != nil {
		err = errors.Join(err, p.owner.Close())
	}
	return err
}

// lock takes the lock of a file that nobody else has locked.
func lock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// removeOrphans removes this user's folders whose owner is dead. What cannot be
// looked at or removed stays for another time.
func removeOrphans(tmp string) {
	dirs, _ := filepath.Glob(filepath.Join(tmp, privatePrefix+"*")) // only a bad pattern fails
	for _, dir := range dirs {
		if !isMine(dir) {
			continue
		}
		f, err := os.OpenFile(filepath.Join(dir, ownerFile), os.O_RDWR|syscall.O_NOFOLLOW, 0)
		if err != nil {
			continue // its ktrap is about to lock it, or older than this rule
		}
		if lock(f) == nil {
			_ = os.RemoveAll(dir)
		}
		f.Close()
	}
}

// isMine reports whether a path is a folder of this user and no link to one:
// anybody may write to /tmp.
func isMine(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Geteuid()
}
