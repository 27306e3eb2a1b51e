package index

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// abandoned is the age from which an unfinished file has no writer any more.
	abandoned = time.Hour
	// forgotten is the age from which it no longer matters that an index was wanted.
	forgotten = 30 * 24 * time.Hour
)

// evict removes the indexes used longest ago until the rest fits into max, and
// what writers that were killed left behind.
func (f *Folder) evict(max int64) {
	files := f.files()
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, st := range files {
		if age := lifetime(st.Name()); age > 0 {
			if time.Since(st.ModTime()) > age {
				_ = os.Remove(filepath.Join(f.Dir, st.Name())) // the next writer tries again
			}
			continue
		}
		if max -= st.Size(); max < 0 {
			_ = os.Remove(filepath.Join(f.Dir, st.Name())) // likewise
		}
	}
}

// lifetime gives the age at which a file that is no index goes; 0 for an index.
func lifetime(name string) time.Duration {
	switch filepath.Ext(name) {
	case ".tmp":
		return abandoned
	case wanted:
		return forgotten
	}
	return 0
}

// files lists what this package put into the folder.
func (f *Folder) files() (list []fs.FileInfo) {
	entries, _ := os.ReadDir(f.Dir) // unreadable: nothing to evict
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), suffix) && lifetime(e.Name()) == 0 {
			continue
		}
		if st, err := e.Info(); err == nil && st.Mode().IsRegular() {
			list = append(list, st)
		}
	}
	return list
}

// Usage gives how many indexes there are and their size.
func (f *Folder) Usage() (n int, bytes int64) {
	for _, st := range f.files() {
		if lifetime(st.Name()) == 0 {
			n++
			bytes += st.Size()
		}
	}
	return n, bytes
}
