package report

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

// Names of the files in a report directory.
const (
	textFile    = "report.txt"
	jsonFile    = "report.json"
	consoleFile = "console.log"
	dmesgFile   = "dmesg.txt"
	sessionFile = "session.json"
)

// maxSameName bounds how many reports of one title and second get a number.
const maxSameName = 10_000

// Write makes the directory of a report below dirRoot and gives its path.
// Shape: <title-slug>-<UTC time>-<n>/ with report.txt, report.json, console.log,
// dmesg.txt and session.json; it appears whole, by one rename.
// Errors: none for a file that could not be written or only in part: what is
// missing is added to r.Incomplete and the rest stands. An error means that there
// is no readable report.json; the path is then that of whatever was saved, or empty.
func Write(dirRoot string, r *Report) (string, error) {
	if err := os.MkdirAll(dirRoot, 0o755); err != nil {
		return "", fmt.Errorf("make report folder: %w", err)
	}
	root, err := os.OpenRoot(dirRoot)
	if err != nil {
		return "", fmt.Errorf("open report folder: %w", err)
	}
	defer root.Close()
	name, err := writeDir(root, r, createIn)
	if name == "" {
		return "", fmt.Errorf("write report %q: %w", r.Title, err)
	}
	path := dirRoot + string(os.PathSeparator) + name
	if err != nil {
		return path, fmt.Errorf("write report %s: %w", path, err)
	}
	return path, nil
}

// writeDir fills a hidden directory and renames it when it is done.
func writeDir(root *os.Root, r *Report, create creator) (string, error) {
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	stem := slug(r.Title) + "-" + r.Time.UTC().Format("20060102T150405Z")
	hidden, n, err := numbered(1, func(n int) (string, error) {
		name := fmt.Sprintf(".%s-%d"+partial, stem, n)
		return name, root.Mkdir(name, 0o700) // it holds registers and memory of the guest
	})
	if err != nil {
		return "", fmt.Errorf("make directory: %w", err)
	}
	dir, err := root.OpenRoot(hidden)
	if err != nil {
		return "", errors.Join(fmt.Errorf("open directory: %w", err), root.RemoveAll(hidden))
	}
	w := &dirWriter{dir: dir, create: create}
	werr := w.writeFiles(r)
	err = dir.Close()
	if !w.saved {
		return "", errors.Join(werr, err, root.RemoveAll(hidden))
	}
	name, _, err := numbered(n, func(n int) (string, error) {
		name := fmt.Sprintf("%s-%d", stem, n)
		return name, root.Rename(hidden, name)
	})
	if err != nil {
		return hidden, errors.Join(werr, fmt.Errorf("give the directory its name: %w", err))
	}
	return name, werr
}

// numbered tries names until one is free. Only the attempt itself decides, so two
// ktraps may write into one folder.
func numbered(from int, try func(n int) (string, error)) (string, int, error) {
	for n := from; ; n++ {
		name, err := try(n)
		taken := errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTDIR)
		if !taken || n >= maxSameName {
			return name, n, err
		}
	}
}

// writeFiles writes what people read first first. If something is missing at the
// end, report.txt and report.json are written again to say so.
// Errors: that of report.json.
func (w *dirWriter) writeFiles(r *Report) error {
	given := slices.Clip(r.Incomplete)
	err := w.head(r)
	whole := err == nil && len(r.Incomplete) == len(given)
	missing := w.bulk(r)
	if whole && len(missing) == 0 {
		return nil
	}
	r.Incomplete = append(given, missing...)
	return w.head(r)
}

// head writes report.txt and report.json. The loss of the former is noted in the
// latter.
func (w *dirWriter) head(r *Report) error {
	var text, data bytes.Buffer
	err := Text(&text, r, nil)
	if err == nil {
		err = w.replace(textFile, text.Bytes())
	}
	if err != nil {
		r.Missing(err.Error())
	}
	if err := JSON(&data, r); err != nil {
		return err
	}
	return w.replace(jsonFile, data.Bytes())
}

// bulk writes the other files as far as they go and says what is missing.
func (w *dirWriter) bulk(r *Report) (missing []string) {
	session, err := sessionJSON(r)
	if err != nil {
		missing = append(missing, err.Error())
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{sessionFile, session}, {dmesgFile, r.Dmesg}, {consoleFile, r.Console}} {
		if n, err := w.file(f.name, f.data); err != nil {
			missing = append(missing, fmt.Sprintf("%s holds %d of %d bytes: %v", f.name, n, len(f.data), err))
		}
	}
	return missing
}
