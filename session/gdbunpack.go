package session

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ktrap/symbols/elffile"
)

// packedModules are the names of modules that gdb cannot read.
var packedModules = []string{".gz", ".xz", ".zst"}

// keptModules is the folder of modules that were unpacked for gdb, below
// $KTRAP_CACHE, else in the user's cache; "" when there is none.
func keptModules() string {
	if dir := os.Getenv("KTRAP_CACHE"); dir != "" {
		return filepath.Join(dir, "modules")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "ktrap", "modules")
}

// keptFor is how long an unpacked module stays that no gdb asks for.
const keptFor = 30 * 24 * time.Hour

// readable gives the path of a module's file that gdb can read: its own, or for a
// compressed one that of a copy, which keeps its name, in a folder for each file as it
// was.
func readable(path, folder string) (string, error) {
	if folder == "" || !slices.Contains(packedModules, filepath.Ext(path)) {
		return path, nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	id := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", path, st.Size(), st.ModTime().UnixNano()))
	dir := filepath.Join(folder, fmt.Sprintf("%x", id[:8]))
	plain := filepath.Join(dir, strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
	now := time.Now()
	if os.Chtimes(dir, now, now) == nil { // it appears as a whole
		return plain, nil
	}
	data, err := elffile.Unpacked(path)
	if err != nil || data == nil {
		return path, err
	}
	partWith(folder, now.Add(-keptFor))
	return plain, keep(dir, filepath.Base(plain), data)
}

// keep writes a folder with one file. It appears whole or not at all.
func keep(dir, name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "new-*.tmp")
	if err != nil {
		return err
	}
	err = os.WriteFile(filepath.Join(tmp, name), data, 0o600)
	if err == nil {
		err = os.Rename(tmp, dir)
	}
	if _, made := os.Stat(dir); err != nil && made == nil { // another ktrap was quicker
		return os.RemoveAll(tmp)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	return nil
}

// partWith removes what nobody has asked for since a time.
func partWith(folder string, since time.Time) {
	entries, _ := os.ReadDir(folder) // none yet, as a rule
	for _, e := range entries {
		if st, err := e.Info(); err == nil && st.ModTime().Before(since) {
			_ = os.RemoveAll(filepath.Join(folder, e.Name())) // it costs room, nothing else
		}
	}
}
