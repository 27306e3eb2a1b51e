package lab

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"ktrap/testdata/crashme"
)

// headers unpacks a package of the kernel's build tree under headers/, with
// its absolute paths (Makefile, symbolic links) turned to that place.
func (u *unpacker) headers(ctx context.Context, deb string) error {
	root, err := os.OpenRoot(u.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return walkDeb(ctx, deb, func(h *tar.Header, r io.Reader) error {
		if !inBuildTree(h.Name) {
			return nil
		}
		name := filepath.Join("headers", h.Name)
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		switch h.Typeflag {
		case tar.TypeDir:
			return root.MkdirAll(name, 0o755)
		case tar.TypeSymlink:
			return root.Symlink(relativeLink(h.Name, h.Linkname), name)
		case tar.TypeReg:
			return writeRooted(root, name, h.FileInfo().Mode().Perm()|0o200, r)
		}
		return nil
	})
}

// inBuildTree leaves out documentation and the other architectures: half of
// 30,000 files.
func inBuildTree(name string) bool {
	if _, arch, ok := strings.Cut(name, "-common/arch/"); ok {
		return arch == "x86" || strings.HasPrefix(arch, "x86/") || !strings.Contains(arch, "/")
	}
	return strings.HasPrefix(name, "usr/src/") || strings.HasPrefix(name, "usr/lib/linux-kbuild-")
}

func writeRooted(root *os.Root, name string, mode os.FileMode, r io.Reader) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// relativeLink turns an absolute link target into one that stays in the tree.
func relativeLink(name, target string) string {
	if !path.IsAbs(target) {
		return target
	}
	up := strings.Repeat("../", strings.Count(name, "/"))
	return up + strings.TrimPrefix(target, "/")
}

// headersReady makes the tree usable where it lies. The one absolute path in
// it is the Makefile's include of the common headers; relative to that very
// Makefile it holds after any move of the folder.
// Example: include /usr/src/linux-headers-6.1.0-56-common/Makefile
func (u *unpacker) headersReady(release string) error {
	file := filepath.Join(u.dir, "headers/usr/src/linux-headers-"+release, "Makefile")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	fixed := strings.ReplaceAll(string(text), "include /usr/src/", "include $(dir $(lastword $(MAKEFILE_LIST)))../")
	if err := os.WriteFile(file, []byte(fixed), 0o644); err != nil {
		return err
	}
	for _, name := range []string{"Makefile", ".config", "Module.symvers"} {
		if _, err := os.Stat(filepath.Join(filepath.Dir(file), name)); err != nil {
			return err
		}
	}
	return nil
}

// compiler matches the compiler that Debian pins in .kernelvariables.
// Example line: CC = $(if $(DEBIAN_KERNEL_USE_CCACHE),$(CCACHE)) $(CROSS_COMPILE)gcc-12
const compiler = `(?m)^CC = .*\$\(CROSS_COMPILE\)(gcc-[0-9]+)$`

// headers is the kernel's build tree: make -C HEADERS M=$PWD modules.
func (k *Kernel) headers() string {
	return filepath.Join(k.Dir, "headers/usr/src/linux-headers-"+k.Release)
}

// makeArgs builds modules with what the host has: BTF needs pahole and is not
// wanted, and the pinned compiler may have another name.
func (k *Kernel) makeArgs(src string) []string {
	args := []string{"-C", k.headers(), "M=" + src, "CONFIG_DEBUG_INFO_BTF_MODULES="}
	pinned, err := os.ReadFile(filepath.Join(k.headers(), ".kernelvariables"))
	if err == nil {
		if m := regexp.MustCompile(compiler).FindSubmatch(pinned); m != nil {
			if _, err := exec.LookPath(string(m[1])); err != nil {
				args = append(args, "CC=gcc")
			}
		}
	}
	return append(args, "modules")
}

// buildCrashme compiles the crash module.
func (k *Kernel) buildCrashme(ctx context.Context, p Progress) error {
	p.send(Event{Step: "build crashme.ko for " + k.Release})
	src, err := os.MkdirTemp(filepath.Dir(k.Dir), ".tmp-crashme-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(src)
	for name, data := range map[string][]byte{"crashme.c": crashme.Source, "Makefile": crashme.Makefile} {
		if err := os.WriteFile(filepath.Join(src, name), data, 0o644); err != nil {
			return err
		}
	}
	if strings.ContainsAny(k.Dir+src, " :\t") {
		return fmt.Errorf("build crashme.ko in %q: kbuild cannot work in a folder with a space or colon in its name; KTRAP_CACHE names another place", k.Dir)
	}
	cmd := exec.CommandContext(ctx, "make", k.makeArgs(src)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build crashme.ko: %w: %s", err, lastLines(string(out), 12))
	}
	for _, name := range []string{"crashme.c", "crashme.ko"} { // the source beside it, for listings
		if err := os.Rename(filepath.Join(src, name), filepath.Join(filepath.Dir(k.crashme()), name)); err != nil {
			return err
		}
	}
	return nil
}

// crashme is the crash module, with its debug information.
func (k *Kernel) crashme() string { return filepath.Join(k.Dir, "modules", "crashme.ko") }

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
