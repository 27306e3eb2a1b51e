package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// BuildImage writes a small ext4 disk image that boots as root=/dev/sda: the
// same user space as the initramfs, for kernels that have their drivers built
// in. It loads crashme.ko of k; without one (nil) it suits any kernel. Nothing
// is mounted and no root is needed.
func (l *Lab) BuildImage(ctx context.Context, file string, k *Kernel) error {
	if err := l.makeKeysLocked(); err != nil {
		return err
	}
	t, err := baseTree(l.keysDir())
	if err != nil {
		return fmt.Errorf("put the disk image together: %w", err)
	}
	if k != nil {
		if err := t.copy("lib/modules/crashme.ko", 0o644, k.crashme()); err != nil {
			return fmt.Errorf("put the disk image together: %w", err)
		}
	}
	t.file("etc/on-disk", 0o644, nil)
	tmp, err := os.MkdirTemp(filepath.Dir(file), ".tmp-image-")
	if err != nil {
		return fmt.Errorf("write disk image: %w", err)
	}
	defer os.RemoveAll(tmp)
	root, part := filepath.Join(tmp, "root"), filepath.Join(tmp, "image")
	if err := errors.Join(os.Mkdir(root, 0o755), t.writeDir(root)); err != nil {
		return explain(err, tmp)
	}
	mke2fs, err := findProgram("mke2fs", "e2fsprogs")
	if err != nil {
		return err
	}
	blocks := fmt.Sprintf("%dk", (t.size()*2+32<<20)/1024)
	cmd := exec.CommandContext(ctx, mke2fs, "-q", "-F", "-t", "ext4", "-E", "root_owner=0:0", "-d", root, part, blocks)
	if out, err := cmd.CombinedOutput(); err != nil {
		return explain(fmt.Errorf("make disk image: %w: %s", err, strings.TrimSpace(string(out))), tmp)
	}
	return os.Rename(part, file)
}

func (l *Lab) makeKeysLocked() error {
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.makeKeys(); err != nil {
		return fmt.Errorf("make SSH keys: %w", err)
	}
	return nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
