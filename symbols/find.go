package symbols

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ktrap/symbols/debuginfod"
)

// ErrNotFound says that no file on the host fits.
var ErrNotFound = errors.New("no matching file found")

// debugRoots are where distributions install debug information.
var debugRoots = []string{"/usr/lib/debug", "/usr/lib/debug/usr"}

// FindVmlinux looks for the vmlinux of a kernel: in the extra directories (or
// files), in the working directory and in the places of the distributions. Of
// several that fit one with DWARF is preferred.
// Errors: wraps ErrNotFound and names the files that were looked at.
func FindVmlinux(release, buildID string, dirs []string) (string, error) {
	c := chooser{what: "vmlinux", release: release, buildID: buildID}
	return c.choose(vmlinuxPlaces(release, buildID, dirs))
}

func vmlinuxPlaces(release, buildID string, dirs []string) []string {
	var list []string
	for _, d := range dirs {
		list = append(list, d, filepath.Join(d, "vmlinux"))
		if release != "" {
			list = append(list, filepath.Join(d, "vmlinux-"+release), filepath.Join(d, "boot", "vmlinux-"+release),
				filepath.Join(d, "usr/lib/debug/boot", "vmlinux-"+release))
		}
	}
	list = append(list, "vmlinux")
	if release != "" {
		for _, root := range debugRoots {
			list = append(list, filepath.Join(root, "boot", "vmlinux-"+release),
				filepath.Join(root, "lib/modules", release, "vmlinux"))
		}
		list = append(list, filepath.Join("/usr/lib/debug/boot", "vmlinux-"+release+".debug"),
			filepath.Join("/lib/modules", release, "vmlinux"), filepath.Join("/lib/modules", release, "build/vmlinux"),
			filepath.Join("/boot", "vmlinux-"+release))
	}
	return append(list, buildIDPlaces(buildID)...)
}

// buildIDPlaces are the places that are found by build-id alone.
func buildIDPlaces(id string) []string {
	if len(id) < 3 || strings.ContainsAny(id, "/.") {
		return nil
	}
	list := []string{filepath.Join("/usr/lib/debug/.build-id", id[:2], id[2:]+".debug")}
	if cached, ok := debuginfod.Cached(debuginfod.CacheFolder(), id); ok {
		list = append(list, cached)
	}
	return list
}

func exists(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

func sameFile(a, b string) bool {
	sa, errA := os.Stat(a)
	sb, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(sa, sb)
}

// chooser tries files until one fits.
type chooser struct {
	what             string
	release, buildID string // "" accepts any
	madeFor          string // release that a module without build-id must be made for
	found            string
	hasDWARF         bool
	tried            []string // what was there but did not fit, and why
}

// choose tries files, best place first, until one leaves nothing to wish for.
func (c *chooser) choose(places []string) (string, error) {
	for _, p := range places {
		if c.try(p) {
			break
		}
	}
	return c.result()
}

// try looks at one file and reports whether the search is over.
func (c *chooser) try(path string) bool {
	if !exists(path) {
		return false
	}
	im, err := Open(path, nil)
	if err != nil {
		c.reject(path, err.Error())
		return false
	}
	defer im.Close()
	switch id := im.BuildID(); {
	case c.buildID != "" && id != c.buildID:
		c.reject(path, fmt.Sprintf("build-id %q", id))
	case c.buildID == "" && c.release != "" && im.Release() != c.release:
		c.reject(path, fmt.Sprintf("release %q", im.Release()))
	case c.buildID == "" && c.madeFor != "" && im.MadeFor() != "" && im.MadeFor() != c.madeFor:
		c.reject(path, fmt.Sprintf("made for %q", im.MadeFor()))
	case c.found == "" || im.HasDWARF():
		c.found, c.hasDWARF = path, im.HasDWARF()
	}
	return c.hasDWARF
}

func (c *chooser) reject(path, why string) {
	c.tried = append(c.tried, fmt.Sprintf("%s (%s)", path, why))
}

func (c *chooser) result() (string, error) {
	if c.found != "" {
		return filepath.Abs(c.found)
	}
	msg := "find " + c.what
	if c.release != "" {
		msg += " of " + c.release
	}
	if c.buildID != "" {
		msg += " with build-id " + c.buildID
	}
	if len(c.tried) > 0 {
		msg += ", not " + strings.Join(c.tried, ", not ")
	}
	return "", fmt.Errorf("%s: %w", msg, ErrNotFound)
}
