package lab

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/cavaliergopher/cpio"
)

func sample() tree {
	t := tree{}
	t.file("usr/bin/tool", 0o755, []byte("tool"))
	t.link("bin/sh", "/bin/busybox")
	t.dir("root", 0o700)
	t.file("etc/shadow", 0o600, nil)
	return t
}

func TestInitramfsHoldsTheTreeWithFoldersFirst(t *testing.T) {
	var b bytes.Buffer
	if err := sample().writeCPIO(&b); err != nil {
		t.Fatal(err)
	}
	want := []struct {
		name, data string
		mode       cpio.FileMode
	}{
		{"bin", "", cpio.TypeDir | 0o755}, {"bin/sh", "/bin/busybox", cpio.TypeSymlink | 0o777},
		{"etc", "", cpio.TypeDir | 0o755}, {"etc/shadow", "", cpio.TypeReg | 0o600},
		{"root", "", cpio.TypeDir | 0o700},
		{"usr", "", cpio.TypeDir | 0o755}, {"usr/bin", "", cpio.TypeDir | 0o755}, {"usr/bin/tool", "tool", cpio.TypeReg | 0o755},
	}
	r := cpio.NewReader(&b)
	for _, w := range want {
		h, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		data := []byte(h.Linkname)
		if h.Linkname == "" {
			if data, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		if h.Name != w.name || h.Mode != w.mode || string(data) != w.data || h.Uid != 0 || h.Guid != 0 {
			t.Errorf("entry is %+v with %q, want %+v", h, data, w)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("more entries: %v", err)
	}
}

func TestSameTreeGivesSameBytesAndHash(t *testing.T) {
	var a, b bytes.Buffer
	if err := errors.Join(sample().writeCPIO(&a), sample().writeCPIO(&b)); err != nil {
		t.Fatal(err)
	}
	if one, two := sample(), sample(); !bytes.Equal(a.Bytes(), b.Bytes()) || one.hash() != two.hash() {
		t.Error("two runs differ")
	}
	changed := sample()
	changed.file("usr/bin/tool", 0o700, []byte("tool"))
	if changed.hash() == sample().hash() {
		t.Error("a changed mode does not change the hash")
	}
}

func TestTreeOnDisk(t *testing.T) {
	dir := t.TempDir()
	if err := sample().writeDir(dir); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(dir, "bin/sh")); target != "/bin/busybox" || err != nil {
		t.Errorf("link to %q, %v", target, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "root")); err != nil || info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("root: %v, %v", info, err)
	}
}
