package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/schollz/progressbar/v3"

	"ktrap/symbols"
)

// sourceReader gives source text to whoever has asked for it, and unpacks a
// tarball that has it at the first question.
type sourceReader struct {
	*symbols.Sources
	// unpack is called once for each tarball; nil: never.
	unpack func(tarball string) error
	failed map[string]error // tarballs that cannot be read
}

// Context is that of [symbols.Sources].
func (r *sourceReader) Context(l symbols.Location, n int) ([]symbols.SourceLine, error) {
	lines, err := r.Sources.Context(l, n)
	packed, ok := errors.AsType[*symbols.PackedError](err)
	if !ok || r.unpack == nil {
		return lines, err
	}
	if why := r.failed[packed.Tarball]; why != nil {
		return nil, fmt.Errorf("find source %q: %w", l.File, why)
	}
	if err := r.unpack(packed.Tarball); err != nil {
		r.failed[packed.Tarball] = err
		return nil, fmt.Errorf("find source %q: %w", l.File, err)
	}
	r.failed[packed.Tarball] = errors.New("what was unpacked cannot be read again") // should it be asked for again
	return r.Sources.Context(l, n)
}

// sources makes the finder of source text.
func (c *lookupCmd) sources(kernel *symbols.Offline) (*sourceReader, error) {
	o := &symbols.SourceOptions{Dirs: c.SourceDir}
	for _, s := range c.Substitute {
		from, to, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usage("parse --substitute-path %q: want A=B", s)
		}
		o.Substitute = append(o.Substitute, symbols.Substitution{From: from, To: to})
	}
	if c.Source >= 0 {
		o.Release = kernel.Release()
	}
	return &sourceReader{symbols.NewSources(o), unpackSource, make(map[string]error)}, nil
}

// unpackSource unpacks a tarball, and shows how far it has come. A signal gives
// that up, not ktrap.
func unpackSource(tarball string) error {
	folder := symbols.KeptSources()
	progress("unpacking %s into %s, this once (Ctrl-C answers without source text)", tarball, folder)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	var bar *progressbar.ProgressBar
	err := symbols.Unpack(ctx, tarball, folder, func(read, total int64) {
		if bar == nil {
			bar = newBar(total)
		}
		_ = bar.Set64(read) // a bar that cannot be drawn hinders nothing
	})
	if bar != nil {
		_ = bar.Finish()
	}
	if err != nil {
		progress("%v", err)
	}
	return err
}
