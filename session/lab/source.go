package lab

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"ktrap/symbols/unxz"
)

// source is the folder of the kernel's source, for listings.
func (k *Kernel) source() string { return filepath.Join(k.Dir, "source") }

// FetchSource downloads ([SourceSize]) and unpacks the source of a prepared
// series. Only what listings show is kept: C, assembler and their headers.
func (l *Lab) FetchSource(ctx context.Context, series string, p Progress) (dir string, err error) {
	unlock, err := l.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	k, err := l.Kernel(series)
	if err != nil {
		return "", err
	}
	if exists(k.source()) {
		return k.source(), nil
	}
	if k.Series == KASANSeries {
		return "", errors.New("the source of a kernel that is not Debian's is not known")
	}
	if err := l.fetchSource(ctx, k, p); err != nil {
		return "", fmt.Errorf("fetch the source of %s: %w", k.Release, explain(err, l.root))
	}
	return k.source(), nil
}

func (l *Lab) fetchSource(ctx context.Context, k *Kernel, p Progress) error {
	a := l.apt()
	pkg := "linux-source-" + k.Series + "=" + k.stamp.version("linux-image-")
	files, err := a.files(ctx, []string{pkg})
	if err != nil {
		return err
	}
	l.sweep()
	tmp, err := os.MkdirTemp(l.root, ".tmp-source-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	downloads := filepath.Join(l.root, "downloads")
	if err := a.download(ctx, downloads, files, p); err != nil {
		return err
	}
	p.send(Event{Step: "unpack " + files[0].Name})
	err = walkDeb(ctx, filepath.Join(downloads, files[0].File), func(h *tar.Header, r io.Reader) error {
		if h.Typeflag != tar.TypeReg || !strings.HasSuffix(h.Name, ".tar.xz") {
			return nil
		}
		return unpackSource(ctx, tmp, r)
	})
	if err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(tmp, "source"), k.source()); err != nil {
		return err
	}
	return os.RemoveAll(downloads)
}

// unpackSource unpacks linux-source-*.tar.xz without its first path element.
func unpackSource(ctx context.Context, dir string, r io.Reader) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	plain, wait, err := unxz.Reader(ctx, r)
	if err != nil {
		return err
	}
	err = walkTar(plain, func(h *tar.Header, r io.Reader) error {
		_, name, ok := strings.Cut(h.Name, "/")
		if !ok || h.Typeflag != tar.TypeReg || !listed(name) {
			return nil
		}
		name = filepath.Join("source", name)
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		return writeRooted(root, name, 0o644, r)
	})
	return errors.Join(err, wait(err))
}

func listed(name string) bool {
	switch filepath.Ext(name) {
	case ".c", ".h", ".S", ".inc", ".rs":
		return !strings.HasPrefix(name, "tools/") && !strings.HasPrefix(name, "Documentation/")
	}
	return false
}
