package lab

import (
	"bytes"
	"debug/elf"
	"fmt"
	"path"
	"strings"
)

// guestModules are what a guest needs on QEMU's usual devices. Those that the
// kernel has built in, or that Debian's cloud kernels lack, are left out.
var guestModules = []string{"virtio_pci", "virtio_net", "virtio_rng", "e1000"}

// moduleName gives the kernel's name of a module file: "virtio-rng.ko.xz" is virtio_rng.
func moduleName(file string) string {
	base, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(base, "-", "_")
}

// isModule reports whether a file is a kernel module, compressed or not.
func isModule(file string) bool {
	return strings.HasSuffix(file, ".ko") || strings.HasSuffix(file, ".ko.xz")
}

// module is a module's file and what must be loaded before it.
type module struct {
	name    string
	depends []string
	data    []byte
}

// parseModule reads a module's dependencies.
// Source: section .modinfo, NUL-separated "depends=a,b".
func parseModule(name string, data []byte) (m *module, err error) {
	defer func() { // debug/elf panics on some broken files
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("parse module %s: %v", name, r)
		}
	}()
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("parse module %s: %w", name, err)
	}
	s := f.Section(".modinfo")
	if s == nil {
		return nil, fmt.Errorf("parse module %s: no .modinfo", name)
	}
	info, err := s.Data()
	if err != nil {
		return nil, fmt.Errorf("parse module %s: %w", name, err)
	}
	m = &module{name: name, data: data}
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := bytes.CutPrefix(field, []byte("depends=")); ok && len(list) > 0 {
			for d := range strings.SplitSeq(string(list), ",") {
				m.depends = append(m.depends, strings.ReplaceAll(d, "-", "_"))
			}
		}
	}
	return m, nil
}

// loadOrder sorts modules so that each comes after those it depends on.
// missing are dependencies that are neither in mods nor built in.
func loadOrder(mods map[string]*module, wanted []string, builtin map[string]bool) (order, missing []string) {
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] || builtin[name] {
			return
		}
		seen[name] = true
		m := mods[name]
		if m == nil {
			missing = append(missing, name)
			return
		}
		for _, d := range m.depends {
			visit(d)
		}
		order = append(order, name)
	}
	for _, name := range wanted {
		visit(name)
	}
	return order, missing
}

// parseBuiltin reads modules.builtin.
// Example line: kernel/net/unix/unix.ko
func parseBuiltin(text string) map[string]bool {
	builtin := map[string]bool{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			builtin[moduleName(line)] = true
		}
	}
	return builtin
}
