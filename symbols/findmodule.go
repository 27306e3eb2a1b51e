package symbols

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// maxWalk bounds the search for module files; a distribution kernel has 5,000.
const maxWalk = 200_000

// ModuleFinder finds the files of one kernel's modules. It looks through the
// folders once, at the first question; it is safe for concurrent use.
type ModuleFinder struct {
	release string
	dirs    []string

	once  sync.Once
	files map[string][]string // module name -> files, best place first
}

// NewModuleFinder makes a finder that looks in dirs first, then where the
// distributions put modules and their debug information.
func NewModuleFinder(release string, dirs []string) *ModuleFinder {
	return &ModuleFinder{release: release, dirs: dirs}
}

// FindModule looks for the file of a single module; for several make one
// [ModuleFinder].
func FindModule(release, name, buildID string, dirs []string) (string, error) {
	return NewModuleFinder(release, dirs).Find(name, buildID)
}

// Find gives the file of a module. Of several with the build-id one with DWARF
// is preferred; an empty build-id accepts any that was made for the release.
// Errors: wraps ErrNotFound and names the files that were looked at.
func (m *ModuleFinder) Find(name, buildID string) (string, error) {
	m.once.Do(m.index)
	c := chooser{what: "module " + name, buildID: buildID, madeFor: m.release}
	return c.choose(slices.Concat(m.files[moduleName(name)], buildIDPlaces(buildID)))
}

func (m *ModuleFinder) index() {
	m.files = map[string][]string{}
	roots := append([]string(nil), m.dirs...)
	if m.release != "" && !strings.Contains(m.release, "/") {
		for _, r := range debugRoots {
			roots = append(roots, filepath.Join(r, "lib/modules", m.release))
		}
		roots = append(roots, filepath.Join("/lib/modules", m.release))
	}
	left := maxWalk
	for _, root := range roots {
		if real, err := filepath.EvalSymlinks(root); err == nil {
			root = real
		}
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if left--; left < 0 {
				return fs.SkipAll
			}
			if err == nil && !d.IsDir() {
				if name, ok := moduleOfFile(d.Name()); ok {
					m.files[name] = append(m.files[name], path)
				}
			}
			return nil // an unreadable folder has no modules
		})
	}
}

// moduleOfFile gives the name of the module in a file named as build and
// distributions do: X.ko, X.ko.debug, X.ko.xz.
func moduleOfFile(file string) (string, bool) {
	base, rest, ok := strings.Cut(file, ".ko")
	switch rest {
	case "", ".debug", ".xz", ".zst", ".gz", ".xz.debug", ".zst.debug", ".gz.debug":
		return moduleName(base), ok
	}
	return "", false
}

// moduleName is how the kernel writes a module's name: files have '-' or '_'.
func moduleName(name string) string { return strings.ReplaceAll(name, "-", "_") }
