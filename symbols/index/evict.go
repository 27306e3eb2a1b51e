package index

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// abandoned is the age from which an unfinished file has no writer any more.
const abandoned = time.Hour

// evict removes the indexes used longest ago until the rest fits into max, and
// what writers that were killed left behind.
func (f *Folder) evict(max int64) {
	files := f.files()
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, st := range files {
		if strings.HasSuffix(st.Name(), ".tmp") {
			if time.Since(st.ModTime()) > abandoned {
				_ = os.Remove(filepath.Join(f.Dir, st.Name())) // the next writer tries again
			}
			continue
		}
		if max -= st.Size(); max < 0 {
			_ = os.Remove(filepath.Join(f.Dir, st.Name())) // likewise
		}
	}
}

// files lists what this package put into the folder.
func (f *Folder) files() (list []fs.FileInfo) {
	entries, _ := os.ReadDir(f.Dir) // unreadable: nothing to evict
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), suffix) && !strings.HasSuffix(e.Name(), ".tmp") {
			continue
		}
		if st, err := e.Info(); err == nil && st.Mode().IsRegular() {
			list = append(list, st)
		}
	}
	return list
}

// Usage gives how many files there are and their size.
func (f *Folder) Usage() (n int, bytes int64) {
	for _, st := range f.files() {
		n++
		bytes += st.Size()
	}
	return n, bytes
}
