// Package lab fetches and builds a ready kernel with its debug information,
// an initramfs and a module that breaks it, so that everything can be tried
// without any set-up. Nothing here needs root once the packages of
// [Requirements] are installed.
//
// Layout of the lab's folder:
//
//	keys/          SSH keys of all guests
//	downloads/     packages, only while a Prepare is under way
//	apt/           package lists of our own, when the system's are missing or old
//	6.1/           one series; it appears whole, by a rename
//	  stamp.json   what it is: release, packages, size and SHA-256 of each file
//	  bzImage, vmlinux, headers/
//	  guest/       the modules that the guest loads, stripped
//	  modules/     the same with debug information, and crashme.ko, which is built here
//	  built/       the initramfs, made here
//	  source/      the kernel's source, on request only
package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// DefaultSeries is the kernel series used when none is named.
const DefaultSeries = "6.1"

// KASANSeries is the name of a kernel that is not Debian's: see Options.KASAN.
const KASANSeries = "kasan"

// Options say where the lab lies.
type Options struct {
	Root  string       // "" means $KTRAP_CACHE/lab, else the user's cache folder/ktrap/lab
	KASAN string       // folder with bzImage, vmlinux.zst and crashme.ko for the series "kasan"; "" means $KTRAP_LAB_KASAN
	Log   *slog.Logger // nil discards
}

// Lab is a folder of prepared kernels. Several processes may use it at once.
type Lab struct {
	root  string
	kasan string
	log   *slog.Logger
}

// ErrNotPrepared says that something is not in the cache (yet).
var ErrNotPrepared = errors.New("lab is not prepared")

// SeriesError says that a name names no kernel here. It is an ErrNotPrepared.
type SeriesError struct {
	Series string
	Why    string // and what to do
}

// Error gives the name and the reason.
func (e *SeriesError) Error() string { return fmt.Sprintf("no lab kernel %q: %s", e.Series, e.Why) }

// Is makes it an ErrNotPrepared.
func (e *SeriesError) Is(target error) bool { return target == ErrNotPrepared }

// Open names the lab's folder; nothing is created or fetched yet.
func Open(o *Options) (*Lab, error) {
	if o == nil {
		o = &Options{}
	}
	l := &Lab{root: o.Root, kasan: o.KASAN, log: slog.New(slog.DiscardHandler)}
	if o.Log != nil {
		l.log = o.Log.With("c", "lab")
	}
	if l.kasan == "" {
		l.kasan = os.Getenv("KTRAP_LAB_KASAN")
	}
	if l.root == "" {
		cache, err := cacheRoot()
		if err != nil {
			return nil, err
		}
		l.root = filepath.Join(cache, "lab")
	}
	var err error
	if l.root, err = filepath.Abs(l.root); err != nil {
		return nil, fmt.Errorf("locate the lab: %w", err)
	}
	return l, nil
}

func cacheRoot() (string, error) {
	if dir := os.Getenv("KTRAP_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder (KTRAP_CACHE sets it): %w", err)
	}
	return filepath.Join(dir, "ktrap"), nil
}

func (l *Lab) dir(series string) string { return filepath.Join(l.root, series) }

// Kernel gives a prepared series; "" means DefaultSeries.
// Errors: *SeriesError when it is missing, ErrNotPrepared when it is not what its stamp says.
func (l *Lab) Kernel(series string) (*Kernel, error) {
	series, err := l.series(series)
	if err != nil {
		return nil, err
	}
	s, err := readStamp(l.dir(series))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &SeriesError{series, l.lacks(series)}
	}
	if err == nil {
		err = s.check(l.dir(series))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: kernel %s is damaged: %w: `ktrap lab prepare %s` fetches it again", ErrNotPrepared, series, err, series)
	}
	return &Kernel{Series: series, Release: s.Release, Dir: l.dir(series), keys: l.keysDir(), stamp: s}, nil
}

// lacks says what is here instead of a series, and how to get it.
func (l *Lab) lacks(series string) string {
	have := "the lab is empty"
	if cached, err := l.cached(); err == nil && len(cached) > 0 {
		have = "the lab has only " + strings.Join(cached, ", ")
	}
	return fmt.Sprintf("%s: `ktrap lab prepare %s` fetches it if apt has it", have, series)
}

// cached are the series that have a folder, whole or not, oldest first.
func (l *Lab) cached() ([]string, error) {
	dirs, err := os.ReadDir(l.root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the lab: %w", err)
	}
	var names []string
	for _, d := range dirs {
		if _, err := l.series(d.Name()); err == nil {
			names = append(names, d.Name())
		}
	}
	slices.SortFunc(names, compareVersions)
	return names, nil
}

// Entry is one series: cached, or offered by the package archive, or both.
type Entry struct {
	Series  string `json:"series"`
	Release string `json:"release,omitempty"` // as uname -r, "" when not cached
	Offered string `json:"offered,omitempty"` // newest release that apt knows, "" when unknown
	Bytes   int64  `json:"bytes,omitempty"`   // on disk
	Dir     string `json:"dir,omitempty"`
	Problem string `json:"problem,omitempty"` // why the cached files cannot be used
}

// List gives the cached series and those that apt offers, oldest first. A host
// without apt has cached ones only.
func (l *Lab) List(ctx context.Context) ([]Entry, error) {
	entries := map[string]Entry{}
	offered, err := l.apt().kernels(ctx)
	if err != nil {
		l.log.Info("apt offers nothing", "error", err)
	}
	for _, k := range offered { // oldest first: the newest of a series stays
		entries[k.series()] = Entry{Series: k.series(), Offered: k.release()}
	}
	cached, err := l.cached()
	if err != nil {
		return nil, err
	}
	for _, name := range cached {
		e := entries[name]
		e.Series, e.Dir = name, l.dir(name)
		e.Bytes = diskUsage(e.Dir)
		if k, err := l.Kernel(name); err != nil {
			e.Problem = err.Error()
		} else {
			e.Release = k.Release
		}
		entries[name] = e
	}
	list := make([]Entry, 0, len(entries))
	for _, e := range entries {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Entry) int { return compareVersions(a.Series, b.Series) })
	return list, nil
}

// Remove deletes a series and says how many bytes that frees; the keys stay.
// Removing what is not there frees none and is no error.
func (l *Lab) Remove(series string) (freed int64, err error) {
	series, err = l.series(series)
	if err != nil {
		return 0, err
	}
	unlock, err := l.lock()
	if err != nil {
		return 0, err
	}
	defer unlock()
	dir := l.dir(series)
	freed = diskUsage(dir)
	if err := os.RemoveAll(dir); err != nil {
		return 0, fmt.Errorf("remove kernel %s: %w", series, err)
	}
	return freed, nil
}

// Path says where a part of a series lies; see [Kernel.Path].
func (l *Lab) Path(series, name string) (string, error) {
	k, err := l.Kernel(series)
	if err != nil {
		return "", err
	}
	return k.Path(name)
}

func diskUsage(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone meanwhile: it takes no room
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
