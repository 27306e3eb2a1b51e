package lab

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// libDirs are where the dynamic loader of an amd64 host looks.
var libDirs = []string{
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib",
}

// program copies a program of the host into the tree, with the dynamic loader
// and all libraries that it needs, without running anything.
func (t tree) program(name, from string) error {
	if err := t.copy(name, 0o755, from); err != nil {
		return fmt.Errorf("copy program: %w", err)
	}
	interp, needed, err := dynamic(from)
	if err != nil {
		return fmt.Errorf("find libraries of %s: %w", from, err)
	}
	if interp == "" {
		return nil
	}
	if err := t.copy(path.Clean(interp)[1:], 0o755, interp); err != nil {
		return fmt.Errorf("copy dynamic loader: %w", err)
	}
	for len(needed) > 0 {
		lib := needed[0]
		needed = needed[1:]
		dst := "lib/x86_64-linux-gnu/" + lib // the loader's first default folder
		if t[dst] != nil {
			continue
		}
		file, err := findLib(lib)
		if err != nil {
			return fmt.Errorf("find libraries of %s: %w", from, err)
		}
		if err := t.copy(dst, 0o755, file); err != nil {
			return fmt.Errorf("copy library: %w", err)
		}
		_, more, err := dynamic(file)
		if err != nil {
			return fmt.Errorf("find libraries of %s: %w", file, err)
		}
		needed = append(needed, more...)
	}
	return nil
}

// dynamic gives a file's interpreter, "" if it is static, and its DT_NEEDED.
func dynamic(file string) (interp string, needed []string, err error) {
	f, err := elf.Open(file)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	if s := f.Section(".interp"); s != nil {
		data, err := s.Data()
		if err != nil {
			return "", nil, err
		}
		interp = string(data[:max(0, len(data)-1)]) // without the NUL
		if !path.IsAbs(interp) {
			return "", nil, fmt.Errorf("interpreter %q is no absolute path", interp)
		}
	}
	needed, err = f.ImportedLibraries()
	for _, lib := range needed {
		if lib != path.Base(lib) {
			return "", nil, fmt.Errorf("library %q is no plain name", lib)
		}
	}
	return interp, needed, err
}

func findLib(name string) (string, error) {
	for _, dir := range libDirs {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("library %s: %w", name, fs.ErrNotExist)
}
