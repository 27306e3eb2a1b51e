package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	stampName   = "stamp.json"
	stampSchema = 1
)

// stamp says what a prepared series consists of. It is written last, so a
// folder with a stamp is whole.
type stamp struct {
	Schema   int                   `json:"schema"`
	Release  string                `json:"release"`
	Packages []stampPackage        `json:"packages,omitempty"`
	Files    map[string]*stampFile `json:"files"` // by slash-separated path
	Order    []string              `json:"load_order,omitempty"`
}

type stampPackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
}

type stampFile struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func readStamp(dir string) (*stamp, error) {
	data, err := os.ReadFile(filepath.Join(dir, stampName))
	if err != nil {
		return nil, err
	}
	s := &stamp{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("parse %s: %w", filepath.Join(dir, stampName), err)
	}
	if s.Schema != stampSchema {
		return nil, fmt.Errorf("%s has schema %d, this ktrap needs %d", filepath.Join(dir, stampName), s.Schema, stampSchema)
	}
	return s, nil
}

func (s *stamp) write(dir string) error {
	data, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, stampName), append(data, '\n'), 0o644)
}

// version is that of the first package whose name begins so.
func (s *stamp) version(prefix string) string {
	for _, p := range s.Packages {
		if strings.HasPrefix(p.Name, prefix) {
			return p.Version
		}
	}
	return ""
}

// check compares the sizes of all files: what a half-finished copy or a
// careless hand leaves is noticed at each use, at no cost.
func (s *stamp) check(dir string) error {
	for name, want := range s.Files {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is missing", name)
		}
		if err != nil {
			return err
		}
		if info.Size() != want.Size {
			return fmt.Errorf("%s has %d bytes, not %d", name, info.Size(), want.Size)
		}
	}
	return nil
}

// Verify reads all files of the kernel and compares their checksums; it takes
// a second or two.
func (k *Kernel) Verify() error {
	for name, want := range k.stamp.Files {
		f, err := os.Open(filepath.Join(k.Dir, filepath.FromSlash(name)))
		if err != nil {
			return fmt.Errorf("verify kernel %s: %w", k.Series, err)
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return fmt.Errorf("verify kernel %s: %w", k.Series, err)
		}
		if hex.EncodeToString(h.Sum(nil)) != want.SHA256 {
			return fmt.Errorf("verify kernel %s: %s has another checksum than when it was unpacked", k.Series, name)
		}
	}
	return nil
}

// add writes a file of the series and takes its size and checksum down.
func (s *stamp) add(dir, name string, r io.Reader) error {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), r)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	s.Files[name] = &stampFile{Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}
	return nil
}
