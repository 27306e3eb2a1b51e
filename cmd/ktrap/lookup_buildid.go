package main

import (
	"encoding/hex"
	"fmt"
	"path/filepath"

	"ktrap/symbols"
)

// shortestID is the number of bytes that a build-id has at least: linkers write
// 8, 16 or 20.
const shortestID = 4

// findByID finds a vmlinux by its build-id, on this host or with fetch, which
// says itself what goes wrong and may be nil.
func findByID(buildID string, fetch func(string) (string, error)) (string, error) {
	if raw, err := hex.DecodeString(buildID); err != nil || len(raw) < shortestID {
		return "", usage("parse --build-id %q: want the hexadecimal digits that `file vmlinux` shows", buildID)
	}
	var here []string
	for _, pattern := range []string{"/usr/lib/debug/boot/vmlinux-*", "/usr/lib/debug/lib/modules/*/vmlinux", "/lib/modules/*/build/vmlinux"} {
		list, _ := filepath.Glob(pattern) // only a bad pattern fails
		here = append(here, list...)
	}
	path, err := symbols.FindVmlinux("", buildID, here)
	if err == nil {
		return path, nil
	}
	if fetch == nil {
		return "", fmt.Errorf("%w: name the vmlinux, install the -dbg package of that kernel, or set DEBUGINFOD_URLS", err)
	}
	if path, err := fetch(buildID); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%w: name the vmlinux, or install the -dbg package of that kernel", err)
}
