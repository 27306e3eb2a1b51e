package symbols

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"ktrap/symbols/elffile"
)

// attachDebug looks for the debug information that was split off a file, as
// debuggers do: by build-id, by the debug link, by name. What is found is used
// when it is proven to be of the same build.
// Source: GDB manual "Debugging Information in Separate Files".
func attachDebug(f *elffile.File, o *OpenOptions, log *slog.Logger) {
	if f.Has(".debug_info") {
		return
	}
	for _, path := range debugPlaces(f) {
		if err := tryDebug(f, path); err == nil {
			log.Info("debug information is in another file", "of", f.Path(), "file", path)
			return
		} else if exists(path) {
			log.Warn("debug information is not used", "of", f.Path(), "err", err)
		}
	}
	if id := f.BuildID(); id != "" && o != nil && o.Fetch != nil {
		path, err := o.Fetch(id)
		if err == nil {
			err = tryDebug(f, path)
		}
		if err != nil {
			log.Warn("debug information was not fetched", "of", f.Path(), "err", err)
		}
	}
}

func tryDebug(f *elffile.File, path string) error {
	if !exists(path) || sameFile(path, f.Path()) {
		return fmt.Errorf("open %q: %w", path, ErrNotFound)
	}
	debug, err := elffile.Open(path)
	if err != nil {
		return err
	}
	if !debug.Has(".debug_info") {
		err = fmt.Errorf("use %q: %w", path, elffile.ErrNoSection)
	} else {
		err = f.Attach(debug)
	}
	if err != nil {
		debug.Close() // read-only: nothing to lose
	}
	return err
}

// debugPlaces lists where split-off debug information of a file may be, the
// surest place first.
func debugPlaces(f *elffile.File) []string {
	list := buildIDPlaces(f.BuildID())
	path, err := filepath.Abs(f.Path())
	if err != nil {
		return list
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	dir, base := filepath.Split(path)
	for _, ext := range compressedExts {
		base = strings.TrimSuffix(base, ext)
	}
	if link, _, ok := f.DebugLink(); ok {
		list = append(list, filepath.Join(dir, link), filepath.Join(dir, ".debug", link))
		for _, root := range debugRoots {
			list = append(list, filepath.Join(root, dir, link))
		}
	}
	list = append(list, filepath.Join(dir, base+".debug"), filepath.Join(dir, ".debug", base))
	for _, root := range debugRoots {
		list = append(list, filepath.Join(root, dir, base+".debug"), filepath.Join(root, dir, base))
	}
	return list
}

// compressedExts are what modules are compressed with.
var compressedExts = []string{".xz", ".zst", ".gz"}
