package session

import (
	"bytes"
	"cmp"
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

// search is a look through the vmlinux files of this host.
type search struct {
	tried []string
	guest kernel.Identity // of the running kernel, once it is known
}

// searchKernel tries the vmlinux files of this host. The first mismatch tells
// the running kernel's build-id, which leads straight to the right file, here or
// where debug information is fetched from.
// Errors: errFetching.
func (v *Stopped) searchKernel(ctx context.Context) (*kernel.Kernel, error) {
	var s search
	fetched := search{guest: v.fetcher.guest} // which spares the slow way to what has been fetched for it
	queue := append(fetched.byID(), imageCandidates(v.opts.Stub, cmp.Or(v.opts.proc, "/proc"))...)
	for {
		for len(queue) > 0 {
			path := queue[0]
			queue = queue[1:]
			knew := s.guest.BuildID != ""
			if k, err := v.tryImage(ctx, &s, path); k != nil || err != nil {
				return k, err
			}
			if !knew && s.guest.BuildID != "" {
				queue = append(s.byID(), queue...)
			}
		}
		if s.guest.BuildID != "" || s.guest.Banner != "" {
			break
		}
		id, err := kernel.Identify(ctx, v.Target)
		if err != nil {
			return nil, err
		}
		s.guest = id
		queue = s.byID()
	}
	refuse := s.refusal()
	if s.guest.BuildID == "" {
		return nil, refuse
	}
	v.fetcher.guest = s.guest
	return nil, v.fetchVmlinux(s.guest.BuildID, refuse)
}

// tryImage attaches with one file; nil without an error if it does not fit.
// Errors: kernel.ErrNotBooted.
func (v *Stopped) tryImage(ctx context.Context, s *search, path string) (*kernel.Kernel, error) {
	if slices.Contains(s.tried, path) {
		return nil, nil
	}
	im, err := symbols.Open(path, &symbols.OpenOptions{Log: v.log})
	if err != nil {
		return nil, nil
	}
	s.tried = append(s.tried, path)
	k, err := kernel.Attach(ctx, v.Target, im, &kernel.Options{Log: v.log.With("c", "kernel")})
	if err == nil {
		v.image = im
		v.emit(Event{Kind: Note, Text: "vmlinux: " + path})
		return k, nil
	}
	im.Close() // read-only: nothing to lose
	if errors.Is(err, kernel.ErrNotBooted) {
		return nil, err
	}
	if m, ok := errors.AsType[*kernel.MismatchError](err); ok && s.guest.BuildID == "" {
		s.guest = kernel.Identity{BuildID: m.GuestID, Banner: m.GuestBanner}
	}
	return nil, nil
}

// byID finds the file of the running kernel's build-id.
func (s *search) byID() []string {
	if s.guest == (kernel.Identity{}) {
		return nil
	}
	found, err := symbols.FindVmlinux(releaseOf(s.guest.Banner), s.guest.BuildID, nil)
	if err != nil {
		return nil
	}
	return []string{found}
}

// refusal says that there is no vmlinux that fits.
func (s *search) refusal() error {
	if s.guest.BuildID != "" && len(s.tried) > 0 {
		return fmt.Errorf("none of the %d vmlinux files here is the running kernel's (build-id %s, %q): name the right one; tried %s",
			len(s.tried), s.guest.BuildID, s.guest.Banner, strings.Join(s.tried, ", "))
	}
	if s.guest.BuildID != "" {
		return fmt.Errorf("there is no vmlinux here of the running kernel (build-id %s, %q): name it", s.guest.BuildID, s.guest.Banner)
	}
	return fmt.Errorf("no vmlinux named and none found here that fits (tried %d: %s): name the vmlinux of the running kernel",
		len(s.tried), strings.Join(s.tried, ", "))
}

// releaseOf takes the release out of a banner.
func releaseOf(banner string) string {
	rest, _ := strings.CutPrefix(banner, "Linux version ")
	release, _, _ := strings.Cut(rest, " ")
	return release
}

// imageCandidates lists vmlinux files that may be the guest's, likeliest first.
func imageCandidates(stub, proc string) []string {
	list := []string{"vmlinux"}
	for _, k := range qemuKernels(stub, proc) {
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
func qemuKernels(stub, proc string) []string {
	lines, _ := filepath.Glob(filepath.Join(proc, "[0-9]*/cmdline")) // only a bad pattern fails
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
