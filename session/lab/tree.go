package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/cavaliergopher/cpio"
)

// tree is a small root file system in memory.
// Shape: entries by slash-separated path without a leading slash; folders above
// an entry are made with it.
type tree map[string]*node

type node struct {
	mode fs.FileMode // type and permissions
	data []byte      // contents, or the target of a symbolic link
}

func (t tree) parents(name string) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if t[dir] == nil {
			t[dir] = &node{mode: fs.ModeDir | 0o755}
		}
	}
}

func (t tree) dir(name string, perm fs.FileMode) {
	t.parents(name)
	t[name] = &node{mode: fs.ModeDir | perm}
}

func (t tree) file(name string, perm fs.FileMode, data []byte) {
	t.parents(name)
	t[name] = &node{mode: perm, data: data}
}

func (t tree) link(name, target string) {
	t.parents(name)
	t[name] = &node{mode: fs.ModeSymlink | 0o777, data: []byte(target)}
}

// copy takes a file of the host.
func (t tree) copy(name string, perm fs.FileMode, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	t.file(name, perm, data)
	return nil
}

// names are all paths, folders before what they hold.
func (t tree) names() []string {
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// hash changes when anything in the tree does.
func (t tree) hash() string {
	h := sha256.New()
	for _, name := range t.names() {
		n := t[name]
		fmt.Fprintf(h, "%q %v %d\n", name, n.mode, len(n.data))
		h.Write(n.data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeCPIO writes the tree as an initramfs; the same tree gives the same bytes.
// Source: Documentation/driver-api/early-userspace/buffer-format.rst, "newc".
func (t tree) writeCPIO(w io.Writer) error {
	c := cpio.NewWriter(w)
	for _, name := range t.names() {
		n := t[name]
		h := &cpio.Header{Name: name, Mode: cpioMode(n.mode), Links: 1, ModTime: time.Unix(0, 0)}
		h.Size = int64(len(n.data)) // of a link: its target, which the archive holds as contents
		if err := c.WriteHeader(h); err != nil {
			return fmt.Errorf("write %s to the initramfs: %w", name, err)
		}
		if _, err := c.Write(n.data); err != nil {
			return fmt.Errorf("write %s to the initramfs: %w", name, err)
		}
	}
	return c.Close()
}

func cpioMode(m fs.FileMode) cpio.FileMode {
	perm := cpio.FileMode(m.Perm())
	switch {
	case m.IsDir():
		return cpio.TypeDir | perm
	case m&fs.ModeSymlink != 0:
		return cpio.TypeSymlink | perm
	}
	return cpio.TypeReg | perm
}

// writeDir writes the tree into an empty folder of the host.
func (t tree) writeDir(dir string) error {
	for _, name := range t.names() {
		n, dst := t[name], filepath.Join(dir, filepath.FromSlash(name))
		var err error
		switch {
		case n.mode.IsDir():
			err = os.Mkdir(dst, n.mode.Perm())
		case n.mode&fs.ModeSymlink != 0:
			err = os.Symlink(string(n.data), dst)
		default:
			err = os.WriteFile(dst, n.data, n.mode.Perm())
		}
		if err != nil {
			return fmt.Errorf("write root file system: %w", err)
		}
	}
	return nil
}

// size is about what the tree takes on a disk with blocks of 4 KB.
func (t tree) size() int64 {
	var sum int64
	for _, n := range t {
		sum += 4096 + int64(len(n.data)+4095)&^4095
	}
	return sum
}
