package lab

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strings"
)

// errEnough ends a walk through a package early; it is no error.
var errEnough = errors.New("enough")

// maxDebFile bounds one unpacked file; the largest vmlinux has 600 MB.
const maxDebFile = 4 << 30

// walkDeb unpacks a package as a stream and shows each entry to see, which may
// return errEnough. Names are cleaned and relative: "usr/lib/debug/boot/vmlinux-6.1".
func walkDeb(ctx context.Context, deb string, see func(h *tar.Header, r io.Reader) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("unpack %s: %w", deb, err)
	}
	err = walkTar(out, see)
	if err != nil {
		_ = out.Close() // dpkg-deb's decompressor is a process of its own: only this ends it
		cancel()
		_ = cmd.Wait()
		if errors.Is(err, errEnough) {
			return nil
		}
		return fmt.Errorf("unpack %s: %w", deb, err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("unpack %s: %w: %s", deb, err, strings.TrimSpace(said.String()))
	}
	return nil
}

func walkTar(r io.Reader, see func(*tar.Header, io.Reader) error) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			_, err := io.Copy(io.Discard, r) // the padding behind the last entry
			return err
		}
		if err != nil {
			return err
		}
		if h.Size > maxDebFile {
			return fmt.Errorf("%s has %d bytes", h.Name, h.Size)
		}
		h.Name = strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if err := see(h, t); err != nil {
			return err
		}
	}
}
