package symbols

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// PackedError says that source text may be in a tarball, which [Unpack] makes
// readable.
type PackedError struct {
	File    string
	Tarball string
}

// Error says where the text may be.
func (e *PackedError) Error() string {
	return fmt.Sprintf("find source %q: %v: %s is not unpacked", e.File, ErrNoSource, e.Tarball)
}

// Unwrap makes it an [ErrNoSource].
func (e *PackedError) Unwrap() error { return ErrNoSource }

// tarballExts are what source trees are packed with.
var tarballExts = []string{".tar.xz", ".tar.gz", ".tgz", ".tar.bz2"}

func isTarball(path string) bool {
	return slices.ContainsFunc(tarballExts, func(ext string) bool { return strings.HasSuffix(path, ext) }) && exists(path)
}

// KeptSources gives the folder where unpacked sources are kept, below
// $KTRAP_CACHE, else in the user's cache; "" when there is none.
func KeptSources() string {
	if dir := os.Getenv("KTRAP_CACHE"); dir != "" {
		return filepath.Join(dir, "source")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "ktrap", "source")
}

// tarballs lists the tarballs that may have the kernel's source: those that the
// user names, and those of distributions' source packages.
// Source: linux-source of Debian and of Ubuntu, which has a folder of its own.
func (s *Sources) tarballs() []string {
	list := slices.Clone(s.o.Dirs)
	for _, v := range version(s.o.Release) {
		base := filepath.Join(s.o.host, "/usr/src", "linux-source-"+v)
		for _, ext := range tarballExts {
			list = append(list, base+ext, filepath.Join(base, filepath.Base(base)+ext))
		}
	}
	return slices.DeleteFunc(list, func(path string) bool { return !isTarball(path) })
}

// openPacked opens a file of a kernel's tree out of what was unpacked.
// Errors: ErrNoSource, *PackedError.
func (s *Sources) openPacked(file string) (io.ReadCloser, error) {
	for _, tarball := range s.tarballs() {
		kept, err := keptOf(s.o.Kept, tarball)
		if err != nil {
			continue // it has just gone
		}
		f, err := openKept(kept, file)
		if errors.Is(err, ErrNoSource) {
			continue
		}
		if err != nil {
			return nil, &PackedError{file, tarball} // or what was kept is damaged, and is made again
		}
		return f, nil
	}
	return nil, fmt.Errorf("find source %q: %w", file, ErrNoSource)
}

// member is an open file of an archive.
type member struct {
	io.Reader
	file, archive io.Closer
}

// Close closes the archive, too.
func (m *member) Close() error {
	m.file.Close() // read-only: nothing to lose
	return m.archive.Close()
}

// openKept opens a file of a kept archive.
// Errors: ErrNoSource when it has no such file.
func openKept(path, name string) (io.ReadCloser, error) {
	a, err := openArchive(path)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // in a folder that cannot be written to nothing is parted with either
	f, err := a.find(name)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	r, err := f.Open()
	if err != nil {
		return nil, errors.Join(ErrNoSource, err, a.Close())
	}
	return &member{io.LimitReader(r, maxSourceSize), r, a}, nil
}

// keptOf names the archive that a tarball is unpacked to. Another tarball at the
// same place is another one.
func keptOf(folder, tarball string) (string, error) {
	path, err := filepath.Abs(tarball)
	if err != nil {
		return "", err
	}
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	id := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", path, st.Size(), st.ModTime().UnixNano()))
	base, _, _ := strings.Cut(filepath.Base(path), ".t")
	return filepath.Join(folder, base+"-"+hex.EncodeToString(id[:6])+".zip"), nil
}
