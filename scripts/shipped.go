package scripts

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

//go:embed *.star
var shipped embed.FS

// Script is one that ships with ktrap.
type Script struct {
	Name string // opens.star
	Help string // the first line of its comment
}

// Shipped lists the scripts that ship with ktrap.
func Shipped() []Script {
	entries, err := shipped.ReadDir(".")
	if err != nil {
		return nil // an embedded folder is always readable
	}
	var out []Script
	for _, e := range entries {
		src, err := shipped.ReadFile(e.Name())
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(src), "\n")
		out = append(out, Script{Name: e.Name(), Help: strings.TrimSpace(strings.TrimLeft(first, "#"))})
	}
	return out
}

// Load reads a script: a file, or one that ships with ktrap.
func Load(name string) ([]byte, error) {
	src, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if own, e := shipped.ReadFile(name); e == nil {
			return own, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read script: %w", err)
	}
	return src, nil
}
