package symbols

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNoSource says that the source text is not on the host.
var ErrNoSource = errors.New("source file not found")

const (
	maxSourceSize = 32 << 20
	maxSourceLine = 4096
)

// sourceExts are the files a kernel is made of. Paths come from the image: an
// odd one shall not make ktrap show other files of the host.
var sourceExts = []string{".c", ".h", ".S", ".s", ".rs", ".inc", ".y", ".l", ".cc", ".cpp", ".hpp"}

// Substitution replaces the start of a path.
type Substitution struct{ From, To string }

// SourceOptions says where source text may be.
type SourceOptions struct {
	Dirs       []string // source trees, or tarballs of one; tried first
	Substitute []Substitution
	Release    string // kernel release, for the distribution's source package
	Kept       string // folder of what [Unpack] has made; empty: [KeptSources]

	host string // root of the host's folders; "" outside of tests
}

// Sources finds source text on the host. It keeps no file open, and is safe for
// concurrent use.
type Sources struct{ o SourceOptions }

// NewSources makes a finder; nil options mean the usual places.
func NewSources(o *SourceOptions) *Sources {
	if o == nil {
		o = &SourceOptions{}
	}
	s := &Sources{*o}
	if s.o.Kept == "" {
		s.o.Kept = KeptSources()
	}
	return s
}

// SourceLine is one line of source text, without its end.
type SourceLine struct {
	Number int
	Text   string
}

// Context gives the source line of a location with up to n lines on both sides.
// Errors: wraps ErrNoSource when the file is not there or too short; it is a
// *[PackedError] when the file may be in a tarball that [Unpack] has not been
// called for.
func (s *Sources) Context(l Location, n int) ([]SourceLine, error) {
	f, err := s.open(l)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read-only: nothing to lose
	return readContext(f, l.File, l.Line, n)
}

// open opens the source file of a location.
func (s *Sources) open(l Location) (io.ReadCloser, error) {
	path, err := s.Find(l)
	if err == nil {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read source %q: %w", path, errors.Join(err, ErrNoSource))
		}
		return f, nil
	}
	if filepath.IsLocal(l.File) && isSource(l.File) {
		return s.openPacked(filepath.ToSlash(filepath.Clean(l.File)))
	}
	return nil, err
}

// Find gives the path of a location's source file that lies on this host as a
// file of its own.
// Errors: wraps ErrNoSource when there is none.
func (s *Sources) Find(l Location) (string, error) {
	if isSource(l.File) {
		for _, p := range s.candidates(l) {
			if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Size() <= maxSourceSize {
				return p, nil
			}
		}
	}
	return "", fmt.Errorf("find source %q: %w", l.File, ErrNoSource)
}

func isSource(path string) bool { return slices.Contains(sourceExts, filepath.Ext(path)) }

// candidates lists where the file may be, the user's wishes first.
func (s *Sources) candidates(l Location) []string {
	var list []string
	for _, sub := range s.o.Substitute {
		for _, p := range []string{l.Path, l.File} {
			if rest, ok := strings.CutPrefix(p, sub.From); ok {
				list = append(list, filepath.Join(sub.To, rest))
			}
		}
	}
	for _, dir := range s.o.Dirs {
		list = append(list, filepath.Join(dir, l.File))
	}
	if filepath.IsAbs(l.Path) {
		list = append(list, l.Path)
	}
	if filepath.IsAbs(l.File) {
		return list
	}
	for _, tree := range s.trees() {
		list = append(list, filepath.Join(tree, l.File))
	}
	return append(list, l.File)
}

// trees lists where distributions, and people, put the source of a kernel: those
// of its very release first.
func (s *Sources) trees() []string {
	src := filepath.Join(s.o.host, "/usr/src")
	release, version := s.o.Release, version(s.o.Release)
	var list []string
	if release != "" && filepath.IsLocal(release) {
		list = append(list,
			filepath.Join(s.o.host, "/lib/modules", release, "source"), // built here
			filepath.Join(s.o.host, "/lib/modules", release, "build"),  // headers at least
			filepath.Join(src, "linux-"+release))
		fedora, _ := filepath.Glob(filepath.Join(src, "debug/kernel-*/linux-"+release)) // only a bad pattern fails
		list = append(list, fedora...)
	}
	for _, v := range version {
		tree := "linux-source-" + v
		list = append(list, filepath.Join(src, tree), filepath.Join(src, tree, tree), filepath.Join(src, "linux-"+v))
	}
	return append(list, filepath.Join(src, "debug/linux"), filepath.Join(src, "linux"))
}

// version cuts a release down to what distributions name their source packages
// by: 6.8.0 (Ubuntu), and 6.8 (Debian).
func version(release string) []string {
	upstream, _, _ := strings.Cut(release, "-")
	upstream, _, _ = strings.Cut(upstream, "+")
	parts := strings.Split(upstream, ".")
	if len(parts) < 2 || !filepath.IsLocal(release) || strings.ContainsAny(release, `/*?[\`) {
		return nil
	}
	series := parts[0] + "." + parts[1]
	if upstream == series {
		return []string{series}
	}
	return []string{upstream, series}
}

// shortError says that a source file ends before a line.
type shortError struct {
	path string
	line int
	err  error // of reading; nil: it is of another version
}

func (e *shortError) Error() string {
	if e.err != nil {
		return fmt.Sprintf("read source %q line %d: %v", e.path, e.line, e.err)
	}
	return fmt.Sprintf("source file %q has no line %d: it is of another version", e.path, e.line)
}

// Is reports whether target is [ErrNoSource].
func (e *shortError) Is(target error) bool { return target == ErrNoSource }

func readContext(f io.Reader, path string, line, n int) ([]SourceLine, error) {
	var list []SourceLine
	sc := bufio.NewScanner(f)
	sc.Buffer(make([]byte, 0, 64<<10), 1<<20)
	for number := 1; sc.Scan() && number <= line+n; number++ {
		if number < line-n {
			continue
		}
		text := strings.TrimRight(sc.Text(), "\r")
		text = text[:min(len(text), maxSourceLine)]
		list = append(list, SourceLine{number, strings.ToValidUTF8(text, "\uFFFD")})
	}
	if len(list) == 0 || list[len(list)-1].Number < line {
		return nil, &shortError{path, line, sc.Err()}
	}
	return list, nil
}
