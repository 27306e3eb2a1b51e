package index

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestAKeptIndexIsMappedBack(t *testing.T) {
	f := &Folder{filepath.Join(t.TempDir(), "not", "there", "yet"), 1 << 20}
	if _, err := f.Load(testID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before: %v", err)
	}
	data := small(t)
	if err := f.Save(testID, data); err != nil {
		t.Fatal(err)
	}
	x, err := f.Load(testID)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := x.Lookup(nil, 0x1004); err != nil || len(got) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if n, bytes := f.Usage(); n != 1 || bytes != int64(len(data)) {
		t.Errorf("usage %d, %d", n, bytes)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}

func TestADamagedFileIsRemoved(t *testing.T) {
	f := &Folder{t.TempDir(), 1 << 20}
	for name, damage := range map[string]func([]byte) []byte{
		"empty":         func([]byte) []byte { return nil },
		"cut off":       func(b []byte) []byte { return b[:len(b)-1] },
		"another byte":  func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"other version": func(b []byte) []byte { b[8]++; return b },
		"text": func([]byte) []byte {
			return []byte("this is no index, but it is long enough to be taken for one if nobody looks at its start")
		},
	} {
		if err := os.WriteFile(f.path(testID), damage(small(t)), 0o600); err != nil {
			t.Fatal(err)
		}
		if x, err := f.Load(testID); err == nil {
			t.Errorf("%s: %v", name, x)
		}
		if _, err := os.Stat(f.path(testID)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: still there: %v", name, err)
		}
	}
}

func TestWhatWasUsedLongestAgoGoesFirst(t *testing.T) {
	data := small(t)
	f := &Folder{t.TempDir(), 2 * int64(len(data))}
	old := time.Now().Add(-48 * time.Hour)
	ids := []Identity{{1}, {2}}
	for n, id := range ids {
		if err := f.Save(id, data); err != nil {
			t.Fatal(err)
		}
		at := old.Add(time.Duration(n) * time.Hour)
		if err := os.Chtimes(f.path(id), at, at); err != nil {
			t.Fatal(err)
		}
	}
	left := filepath.Join(f.Dir, "new-1.tmp") // of a writer that was killed
	if err := errors.Join(os.WriteFile(left, data, 0o600), os.Chtimes(left, old, old)); err != nil {
		t.Fatal(err)
	}
	// Saved again, the older one is the newer one.
	if err := errors.Join(f.Save(ids[0], data), f.Save(Identity{3}, data)); err != nil {
		t.Fatal(err)
	}
	for id, there := range map[Identity]bool{ids[0]: true, ids[1]: false, {3}: true} {
		if _, err := os.Stat(f.path(id)); (err == nil) != there {
			t.Errorf("index %d: %v", id[0], err)
		}
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed writer left is still there")
	}
}

func TestUsingAnIndexKeepsItFromBeingRemoved(t *testing.T) {
	data := small(t)
	f := &Folder{t.TempDir(), 1 << 20}
	if err := f.Save(testID, data); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(f.path(testID), old, old); err != nil {
		t.Fatal(err)
	}
	x, err := f.Load(testID)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if st, err := os.Stat(f.path(testID)); err != nil || !st.ModTime().After(old.Add(time.Minute)) {
		t.Errorf("%v, %v", st.ModTime(), err)
	}
}

func TestAnIndexLargerThanTheFolderIsNotKept(t *testing.T) {
	f := &Folder{filepath.Join(t.TempDir(), "index"), 10}
	if err := f.Save(testID, small(t)); err != nil {
		t.Error(err)
	}
	if n, _ := f.Usage(); n != 0 {
		t.Errorf("%d files", n)
	}
}

func TestManyWritersAndReadersSeeWholeFiles(t *testing.T) {
	f := &Folder{t.TempDir(), 1 << 20}
	data := small(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if err := f.Save(testID, data); err != nil {
					t.Error(err)
				}
				x, err := f.Load(testID)
				if err != nil {
					t.Error(err)
					continue
				}
				if err := x.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
