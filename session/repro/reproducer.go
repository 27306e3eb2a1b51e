package repro

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"ktrap/session/report"
)

// Reproducer is what makes the guest crash.
type Reproducer struct {
	Name    string // for people
	Source  string // file on the host, "" for a command
	Command string // run by the guest's shell
	binary  string // file to bring in, "" for a command
}

// guestPath is where a reproducer lies in the guest.
const guestPath = "/tmp/ktrap-repro"

// New takes what the user gave: the path of a C file (built static on the
// host), of a script or binary (copied in), or else a command for the guest's
// shell. dir receives what is built.
// Errors: the compiler's output is part of the error.
func New(ctx context.Context, what, dir string) (*Reproducer, error) {
	info, err := os.Stat(what)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.IsDir():
		if strings.HasSuffix(what, ".c") {
			return nil, fmt.Errorf("read reproducer: %w", err)
		}
		return &Reproducer{Name: what, Command: what}, nil
	case err != nil:
		// a command line may be no valid path at all
		return &Reproducer{Name: what, Command: what}, nil
	case filepath.Ext(what) == ".c":
		binary, err := build(ctx, what, dir)
		if err != nil {
			return nil, err
		}
		return &Reproducer{Name: filepath.Base(what), Source: what, Command: guestPath, binary: binary}, nil
	}
	return &Reproducer{Name: filepath.Base(what), Source: what, Command: guestPath, binary: what}, nil
}

// build compiles a C file as syzkaller does: static, because the guest's libc
// is another one or none.
func build(ctx context.Context, source, dir string) (string, error) {
	out := filepath.Join(dir, "repro")
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "gcc"
	}
	path, err := filepath.Abs(source) // gcc has no -- to tell a file from an option
	if err != nil {
		return "", fmt.Errorf("build %s: %w", source, err)
	}
	cmd := exec.CommandContext(ctx, cc, "-O1", "-static", "-pthread", "-w", "-o", out, path)
	if text, err := cmd.CombinedOutput(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", fmt.Errorf("build %s: no C compiler %q: install gcc and libc6-dev, or set CC", source, cc)
		}
		return "", fmt.Errorf("build %s: %w\n%s", source, err, text)
	}
	return out, nil
}

// install brings the reproducer into the guest.
func (r *Reproducer) install(ctx context.Context, g shell) error {
	if r.binary == "" {
		return nil
	}
	f, err := os.Open(r.binary)
	if err != nil {
		return fmt.Errorf("read reproducer: %w", err)
	}
	defer f.Close()
	if err := g.Copy(ctx, f, guestPath, 0o755); err != nil {
		return fmt.Errorf("copy %s into the guest: %w", r.Name, err)
	}
	return nil
}

// maxOriginText bounds the copy of a reproducer that goes into a report, in bytes.
const maxOriginText = 64 << 10

// Origin is what a report says of the reproducer.
func (r *Reproducer) Origin() report.Reproducer {
	out := report.Reproducer{Path: r.Source, Command: []string{r.Command}}
	if text, err := os.ReadFile(r.Source); err == nil && len(text) <= maxOriginText && utf8.Valid(text) {
		out.Text = string(text)
	}
	return out
}
