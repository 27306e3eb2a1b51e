package symbols

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"cmp"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ktrap/symbols/unxz"
)

// Bounds on what a tarball may make of the disk. That of a kernel has 45,000
// files worth keeping with 0.7 GB, which take 0.2 GB.
const (
	maxTreeFiles = 200_000
	maxTreeSize  = 4 << 30
	maxKept      = 1 << 30 // of all archives; those used longest ago are parted with first
)

// Unpack makes the source files of a kernel's tarball readable for [Sources]: it
// keeps them in an archive of its own, from which one file is read in
// milliseconds. The archive appears whole or not at all. It takes 10 to 30 s where
// the host has the program xz, else up to 3 minutes; progress is told how many bytes
// of the tarball have been read, from a goroutine of its own.
// Errors: context's when it was cancelled.
func Unpack(ctx context.Context, tarball, folder string, progress func(read, total int64)) error {
	if err := unpack(ctx, tarball, folder, progress); err != nil {
		return fmt.Errorf("unpack %s: %w", tarball, cmp.Or(context.Cause(ctx), err))
	}
	return nil
}

func unpack(ctx context.Context, tarball, folder string, progress func(read, total int64)) error {
	if folder == "" {
		return errors.New("there is no folder to keep it in: set KTRAP_CACHE")
	}
	kept, err := keptOf(folder, tarball)
	if err != nil {
		return err
	}
	in, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer in.Close() // read-only: nothing to lose
	st, err := in.Stat()
	if err != nil {
		return err
	}
	plain, wait, err := decompressed(ctx, &counter{ctx: ctx, from: in, total: st.Size(), tell: progress}, tarball)
	if err != nil {
		return err
	}
	return keepArchive(folder, kept, func(to io.Writer) error {
		err := repack(plain, to)
		return errors.Join(err, wait(err))
	})
}

// keepArchive makes room for an archive and writes it. It appears whole or not at all.
func keepArchive(folder, kept string, write func(io.Writer) error) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	tidy(folder)
	return writeWhole(kept, func(to io.Writer) error {
		out := bufio.NewWriterSize(to, 1<<20)
		return errors.Join(write(out), out.Flush())
	})
}

// writeWhole writes a file beside its place and moves it there when it is whole.
func writeWhole(path string, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "new-*.tmp")
	if err != nil {
		return err
	}
	if err = errors.Join(write(tmp), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}

// staleAfter is when nobody writes to a file any more whose writer was killed.
const staleAfter = time.Hour

// tidy makes room for one more archive. What cannot be removed stays.
func tidy(folder string) {
	entries, _ := os.ReadDir(folder) // a new folder has none
	var kept []os.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil:
		case filepath.Ext(e.Name()) == ".tmp" && time.Since(info.ModTime()) > staleAfter:
			_ = os.Remove(filepath.Join(folder, e.Name()))
		case filepath.Ext(e.Name()) == ".zip":
			kept = append(kept, info)
		}
	}
	slices.SortFunc(kept, func(a, b os.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	var size int64
	for _, info := range kept {
		if size += info.Size(); size > maxKept-maxKept/4 {
			_ = os.Remove(filepath.Join(folder, info.Name()))
			_ = os.Remove(filepath.Join(folder, sourceIndexOf(info.Name())))
		}
	}
}

// repack copies the source files of a tar to a zip, without their first folder.
func repack(from io.Reader, to io.Writer) error {
	z := zip.NewWriter(to)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	files, size := 0, int64(0)
	for t := tar.NewReader(from); ; {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		_, name, _ := strings.Cut(path.Clean(h.Name), "/")
		if h.Typeflag != tar.TypeReg || h.Size > maxSourceSize || !isOfX86(name) {
			continue
		}
		files, size = files+1, size+h.Size
		if files > maxTreeFiles || size > maxTreeSize {
			return errors.New("it has more than a kernel's source")
		}
		w, err := z.Create(name)
		if err == nil {
			_, err = io.Copy(w, t)
		}
		if err != nil {
			return err
		}
	}
	if files == 0 {
		return errors.New("it has no source files")
	}
	return z.Close()
}

// isOfX86 reports whether a file of a kernel's tree may be shown for an x86-64
// kernel. The register names of amdgpu are a third of all headers, and no code.
func isOfX86(name string) bool {
	if !isSource(name) {
		return false
	}
	for _, skip := range []string{"tools/", "Documentation/", "drivers/gpu/drm/amd/include/asic_reg/"} {
		if strings.HasPrefix(name, skip) {
			return false
		}
	}
	return !strings.HasPrefix(name, "arch/") || strings.HasPrefix(name, "arch/x86/")
}

// decompressed undoes what a tarball is packed with. wait is as that of [unxz.Reader].
func decompressed(ctx context.Context, from io.Reader, name string) (plain io.Reader, wait func(error) error, err error) {
	wait = func(error) error { return nil }
	switch {
	case strings.HasSuffix(name, ".bz2"):
		return bzip2.NewReader(from), wait, nil
	case strings.HasSuffix(name, "gz"):
		plain, err = gzip.NewReader(from)
		return plain, wait, err
	}
	return unxz.Reader(ctx, from)
}

// counter tells how much has been read, and ends with its context.
type counter struct {
	ctx         context.Context
	from        io.Reader
	read, total int64
	tell        func(read, total int64) // may be nil
}

// Read reads.
func (c *counter) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.from.Read(p)
	c.read += int64(n)
	if c.tell != nil {
		c.tell(c.read, c.total)
	}
	return n, err
}
