package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ktrap/session/kernel"
	"ktrap/symbols"
)

// attachKernel proves that a vmlinux is the running kernel's: the one that was
// named, or the first that fits of those lying around.
func (v *Stopped) attachKernel(ctx context.Context) (*kernel.Kernel, error) {
	o := &kernel.Options{Log: v.log.With("c", "kernel"), Force: v.opts.Force}
	if err := v.openNamed(); err != nil {
		return nil, err
	}
	if v.image != nil {
		return kernel.Attach(ctx, v.Target, v.image, o)
	}
	return v.searchKernel(ctx)
}

// openNamed opens the vmlinux that was named, if one was.
func (v *Stopped) openNamed() error {
	if v.image != nil || v.opts.Vmlinux == "" {
		return nil
	}
	im, err := symbols.Open(v.opts.Vmlinux, &symbols.OpenOptions{Log: v.log})
	if err != nil {
		return fmt.Errorf("open vmlinux: %w", err)
	}
	v.image = im
	return nil
}

// searchKernel tries the vmlinux files of this host. The first mismatch tells
// the running kernel's build-id, which leads straight to the right file.
func (v *Stopped) searchKernel(ctx context.Context) (*kernel.Kernel, error) {
	queue := imageCandidates(v.opts.Stub)
	var tried []string
	var mismatch *kernel.MismatchError
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if slices.Contains(tried, path) {
			continue
		}
		im, err := symbols.Open(path, &symbols.OpenOptions{Log: v.log})
		if err != nil {
			continue
		}
		tried = append(tried, path)
		k, err := kernel.Attach(ctx, v.Target, im, &kernel.Options{Log: v.log.With("c", "kernel")})
		if err == nil {
			v.image = im
			v.emit(Event{Kind: Note, Text: "vmlinux: " + path})
			return k, nil
		}
		im.Close()
		if errors.Is(err, kernel.ErrNotBooted) {
			return nil, err
		}
		if m, ok := errors.AsType[*kernel.MismatchError](err); ok && mismatch == nil && m.GuestID != "" {
			mismatch = m
			if found, err := symbols.FindVmlinux(releaseOf(m.GuestBanner), m.GuestID, nil); err == nil {
				queue = append([]string{found}, queue...)
			}
		}
	}
	if mismatch != nil {
		return nil, fmt.Errorf("none of the %d vmlinux files here is the running kernel's (build-id %s, %q): name the right one; tried %s",
			len(tried), mismatch.GuestID, mismatch.GuestBanner, strings.Join(tried, ", "))
	}
	return nil, fmt.Errorf("no vmlinux named and none found here that fits (tried %d: %s): name the vmlinux of the running kernel",
		len(tried), strings.Join(tried, ", "))
}

// releaseOf takes the release out of a banner.
func releaseOf(banner string) string {
	rest, _ := strings.CutPrefix(banner, "Linux version ")
	release, _, _ := strings.Cut(rest, " ")
	return release
}

// imageCandidates lists vmlinux files that may be the guest's, likeliest first.
func imageCandidates(stub string) []string {
	list := []string{"vmlinux"}
	for _, k := range qemuKernels(stub) {
		dir, base := filepath.Split(k)
		list = append(list,
			filepath.Join(dir, "vmlinux"),
			filepath.Join(dir, strings.Replace(base, "vmlinuz", "vmlinux", 1)),
			filepath.Join(dir, "../../../vmlinux"), // arch/x86/boot/bzImage of a build tree
			filepath.Join("/usr/lib/debug/boot", strings.Replace(base, "vmlinuz", "vmlinux", 1)),
		)
	}
	for _, pattern := range []string{
		"/usr/lib/debug/boot/vmlinux-*", "/usr/lib/debug/lib/modules/*/vmlinux",
		"/usr/lib/debug/usr/lib/modules/*/vmlinux", "/lib/modules/*/build/vmlinux",
	} {
		found, _ := filepath.Glob(pattern) // only a bad pattern fails
		list = append(list, found...)
	}
	if cache, err := os.UserCacheDir(); err == nil {
		if root := os.Getenv("KTRAP_CACHE"); root != "" {
			cache = root
		} else {
			cache = filepath.Join(cache, "ktrap")
		}
		found, _ := filepath.Glob(filepath.Join(cache, "lab", "*", "vmlinux*"))
		list = append(list, found...)
	}
	var real []string
	for _, p := range list {
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() && !slices.Contains(real, p) {
			real = append(real, p)
		}
	}
	return real
}

// qemuKernels finds the -kernel arguments of the QEMUs that run here, those
// whose command line names the stub's port first.
func qemuKernels(stub string) []string {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline") // only a bad pattern fails
	port := stub[strings.LastIndexByte(stub, ':')+1:]
	var first, rest []string
	for _, line := range lines {
		raw, err := os.ReadFile(line)
		if err != nil {
			continue // the process has ended, or is another user's
		}
		args := strings.Split(string(bytes.TrimRight(raw, "\x00")), "\x00")
		if !strings.Contains(filepath.Base(args[0]), "qemu") {
			continue
		}
		i := slices.Index(args, "-kernel")
		if i < 0 || i+1 >= len(args) {
			continue
		}
		path := args[i+1]
		if !filepath.IsAbs(path) {
			if cwd, err := os.Readlink(filepath.Join(filepath.Dir(line), "cwd")); err == nil {
				path = filepath.Join(cwd, path)
			}
		}
		if servesStub(args, port) {
			first = append(first, path)
		} else {
			rest = append(rest, path)
		}
	}
	return append(first, rest...)
}

// servesStub reports whether a QEMU command line opens the stub at port.
func servesStub(args []string, port string) bool {
	for i, a := range args {
		if a == "-s" && port == "1234" {
			return true
		}
		if a == "-gdb" && i+1 < len(args) && strings.Contains(args[i+1], port) {
			return true
		}
	}
	return false
}
