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
	Dirs       []string // source trees, tried first
	Substitute []Substitution
	Release    string // kernel release, for the distribution's source package
}

// Sources finds source text on the host.
type Sources struct{ o SourceOptions }

// NewSources makes a finder; nil options mean the usual places.
func NewSources(o *SourceOptions) *Sources {
	if o == nil {
		o = &SourceOptions{}
	}
	return &Sources{*o}
}

// SourceLine is one line of source text, without its end.
type SourceLine struct {
	Number int
	Text   string
}

// Find gives the host's path of the source file of a location.
// Errors: wraps ErrNoSource when it is not there.
func (s *Sources) Find(l Location) (string, error) {
	if l.File == "" || !slices.Contains(sourceExts, filepath.Ext(l.File)) {
		return "", fmt.Errorf("find source %q: %w", l.File, ErrNoSource)
	}
	for _, p := range s.candidates(l) {
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Size() <= maxSourceSize {
			return p, nil
		}
	}
	if v := series(s.o.Release); v != "" && !filepath.IsAbs(l.File) {
		if packed := "/usr/src/linux-source-" + v + ".tar.xz"; exists(packed) {
			return "", fmt.Errorf("find source %q: %w; unpack it: tar -C /usr/src -xf %s", l.File, ErrNoSource, packed)
		}
	}
	return "", fmt.Errorf("find source %q: %w", l.File, ErrNoSource)
}

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
	if v := series(s.o.Release); v != "" {
		list = append(list, filepath.Join("/usr/src/linux-source-"+v, l.File), filepath.Join("/usr/src/linux-"+v, l.File))
	}
	return append(list, filepath.Join("/usr/src/linux", l.File), l.File)
}

// series cuts a release down to what Debian names its source package by: 6.1.
func series(release string) string {
	parts := strings.SplitN(release, ".", 3)
	if len(parts) < 2 || strings.ContainsAny(release, "/") {
		return ""
	}
	minor, _, _ := strings.Cut(parts[1], "-")
	return parts[0] + "." + minor
}

// Context gives the source line of a location with up to n lines on both sides.
// Errors: wraps ErrNoSource when the file is not there or too short.
func (s *Sources) Context(l Location, n int) ([]SourceLine, error) {
	path, err := s.Find(l)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read source %q: %w", path, errors.Join(err, ErrNoSource))
	}
	defer f.Close() // read-only: nothing to lose
	return readContext(f, path, l.Line, n)
}

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
		return nil, fmt.Errorf("read source %q line %d: %w", path, line, errors.Join(sc.Err(), ErrNoSource))
	}
	return list, nil
}
