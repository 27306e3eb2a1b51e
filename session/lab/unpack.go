package lab

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/ulikunitz/xz"
)

// maxModule bounds one decompressed module.
const maxModule = 64 << 20

// unpacker fills the folder of a series from its packages.
type unpacker struct {
	dir   string
	stamp *stamp
	debs  map[string]string // package name to file
}

func (u *unpacker) unpack(ctx context.Context, pkg kernelPkg, p Progress) error {
	p.send(Event{Step: "unpack kernel and modules"})
	if err := u.image(ctx, u.debs[pkg.image()]); err != nil {
		return err
	}
	p.send(Event{Step: "unpack debug information"})
	if err := u.debug(ctx, u.debs[pkg.debug()], pkg.release()); err != nil {
		return err
	}
	p.send(Event{Step: "unpack kernel headers"})
	for name, deb := range u.debs {
		if strings.HasPrefix(name, "linux-headers-") || strings.HasPrefix(name, "linux-kbuild-") {
			if err := u.headers(ctx, deb); err != nil {
				return err
			}
		}
	}
	return u.headersReady(pkg.release())
}

// image unpacks the kernel and the guest's modules with all they depend on. A
// second pass is needed only if a kernel's modules depend on one that no
// kernel needed before.
func (u *unpacker) image(ctx context.Context, deb string) error {
	need := map[string]bool{"virtio": true, "virtio_ring": true, "virtio_pci_modern_dev": true,
		"virtio_pci_legacy_dev": true, "failover": true, "net_failover": true, "rng_core": true}
	for _, m := range guestModules {
		need[m] = true
	}
	mods, builtin := map[string]*module{}, map[string]bool{}
	for range 5 { // deeper than any chain of dependencies
		err := walkDeb(ctx, deb, func(h *tar.Header, r io.Reader) error {
			return u.imageEntry(h, r, need, mods, builtin)
		})
		if err != nil {
			return err
		}
		var wanted []string
		for _, m := range guestModules {
			if mods[m] != nil {
				wanted = append(wanted, m)
			}
		}
		order, missing := loadOrder(mods, wanted, builtin)
		if len(missing) == 0 {
			return u.saveModules(order, mods)
		}
		for _, m := range missing {
			if need[m] {
				return fmt.Errorf("%s has no module %s, which another one depends on", deb, m)
			}
			need[m] = true
		}
	}
	return fmt.Errorf("%s: dependencies of modules do not end", deb)
}

func (u *unpacker) imageEntry(h *tar.Header, r io.Reader, need map[string]bool, mods map[string]*module, builtin map[string]bool) error {
	base := path.Base(h.Name)
	switch {
	case h.Typeflag != tar.TypeReg:
	case strings.HasPrefix(h.Name, "boot/vmlinuz-"):
		return u.stamp.add(u.dir, "bzImage", r)
	case base == "modules.builtin":
		text, err := io.ReadAll(io.LimitReader(r, 1<<20))
		for name := range parseBuiltin(string(text)) {
			builtin[name] = true
		}
		return err
	case isModule(base) && need[moduleName(base)]:
		data, err := readModule(base, r)
		if err != nil {
			return err
		}
		m, err := parseModule(moduleName(base), data)
		if err != nil {
			return err
		}
		mods[m.name] = m
	}
	return nil
}

func readModule(name string, r io.Reader) ([]byte, error) {
	if strings.HasSuffix(name, ".xz") {
		x, err := xz.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("decompress module %s: %w", name, err)
		}
		r = x
	}
	data, err := io.ReadAll(io.LimitReader(r, maxModule+1))
	if err == nil && len(data) > maxModule {
		err = errors.New("too large")
	}
	if err != nil {
		return nil, fmt.Errorf("read module %s: %w", name, err)
	}
	return data, nil
}

func (u *unpacker) saveModules(order []string, mods map[string]*module) error {
	for _, name := range order {
		if err := u.stamp.add(u.dir, "guest/"+name+".ko", bytes.NewReader(mods[name].data)); err != nil {
			return err
		}
	}
	u.stamp.Order = order
	if u.stamp.Files["bzImage"] == nil {
		return errors.New("the image package holds no kernel")
	}
	return nil
}

// debug unpacks vmlinux and the debug files of the guest's modules.
func (u *unpacker) debug(ctx context.Context, deb, release string) error {
	want := map[string]bool{}
	for _, m := range u.stamp.Order {
		want[m] = true
	}
	err := walkDeb(ctx, deb, func(h *tar.Header, r io.Reader) error {
		var err error
		base := path.Base(h.Name)
		switch {
		case h.Typeflag != tar.TypeReg:
		case base == "vmlinux-"+release:
			err = u.stamp.add(u.dir, "vmlinux", r)
		case isModule(base) && want[moduleName(base)]:
			delete(want, moduleName(base))
			err = u.stamp.add(u.dir, "modules/"+moduleName(base)+".ko", r)
		}
		if err == nil && len(want) == 0 && u.stamp.Files["vmlinux"] != nil {
			return errEnough
		}
		return err
	})
	if err == nil && u.stamp.Files["vmlinux"] == nil {
		err = fmt.Errorf("%s holds no vmlinux-%s", deb, release)
	}
	return err
}
