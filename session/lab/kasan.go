package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// fetchKASAN takes a kernel that somebody built with sanitizers: bzImage,
// vmlinux or vmlinux.zst, crashme.ko, everything else built in.
func (l *Lab) fetchKASAN(tmp string, s *stamp, p Progress) error {
	if l.kasan == "" {
		return errors.New("no folder with such a kernel is named; set KTRAP_LAB_KASAN to one that holds bzImage, vmlinux.zst and crashme.ko")
	}
	p.send(Event{Step: "unpack the kernel of " + l.kasan})
	release, err := imageRelease(filepath.Join(l.kasan, "bzImage"))
	if err != nil {
		return err
	}
	s.Release = release
	for from, to := range map[string]string{"bzImage": "bzImage", "crashme.ko": "modules/crashme.ko"} {
		if err := s.addFile(tmp, to, filepath.Join(l.kasan, from)); err != nil {
			return err
		}
	}
	err = s.addFile(tmp, "vmlinux", filepath.Join(l.kasan, "vmlinux"))
	if errors.Is(err, fs.ErrNotExist) {
		err = s.addZstd(tmp, "vmlinux", filepath.Join(l.kasan, "vmlinux.zst"))
	}
	return err
}

func (s *stamp) addFile(dir, name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.add(dir, name, f)
}

func (s *stamp) addZstd(dir, name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return fmt.Errorf("decompress %s: %w", from, err)
	}
	defer z.Close()
	return s.add(dir, name, io.LimitReader(z, maxDebFile))
}

// imageRelease reads the release from a bzImage.
func imageRelease(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	release, err := parseImageRelease(head[:n])
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	return release, nil
}

// parseImageRelease finds the version string of a bzImage's setup header.
// Source: Documentation/arch/x86/boot.rst: "HdrS" at 0x202, kernel_version (2
// bytes, + 0x200) at 0x20e; text "6.12.1-x (who@where) #1 ...".
func parseImageRelease(head []byte) (string, error) {
	if len(head) < 0x210 || string(head[0x202:0x206]) != "HdrS" {
		return "", errors.New("not a bzImage")
	}
	off := int(binary.LittleEndian.Uint16(head[0x20e:])) + 0x200
	if off == 0x200 || off >= len(head) {
		return "", errors.New("bzImage without a version string")
	}
	text := head[off:min(len(head), off+256)]
	release, _, _ := strings.Cut(string(text), " ")
	for _, r := range release {
		if r <= ' ' || r > '~' {
			return "", fmt.Errorf("version string %q of the bzImage is no text", release)
		}
	}
	return release, nil
}
