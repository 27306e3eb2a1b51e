package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Limits on what is read back; a report directory may come from anybody.
// Units: bytes.
const (
	maxJSON = 64 << 20
	maxLog  = 256 << 20
)

// Read loads a report directory.
// Errors: report.json is absent, is no report, or is of a schema this ktrap does
// not know. Other files may be absent; what is wrong with them is added to
// Incomplete.
func Read(dir string) (*Report, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open report: %w", err)
	}
	defer root.Close()
	r := new(Report)
	if err := readJSON(root, jsonFile, r); err != nil {
		return nil, fmt.Errorf("read report %s: %w", dir, err)
	}
	if r.Schema < 1 || r.Schema > Schema {
		return nil, fmt.Errorf("read report %s: schema %d, this ktrap knows 1 to %d", dir, r.Schema, Schema)
	}
	r.optional(readJSON(root, sessionFile, &r.Session))
	r.Console, err = readFile(root, consoleFile, maxLog)
	r.optional(err)
	r.Dmesg, err = readFile(root, dmesgFile, maxLog)
	r.optional(err)
	return r, nil
}

func (r *Report) optional(err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.Missing(err.Error())
	}
}

func readJSON(root *os.Root, name string, to any) error {
	data, err := readFile(root, name, maxJSON)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("decode %s: %w", name, err)
	}
	return nil
}

// readFile reads a plain file; a pipe in its place must not block.
func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("read %s: no plain file of at most %d bytes", name, limit)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}
