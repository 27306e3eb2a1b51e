// Package debuginfod fetches debug information by build-id from the servers
// that distributions run, and shares the cache of their own clients.
package debuginfod

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ktrap/symbols/elffile"
)

// ErrNotFound says that no server has what was asked for.
var ErrNotFound = errors.New("no debuginfod server has it")

// defaultTimeout is how long a server may say nothing.
const defaultTimeout = 90 * time.Second

// Client asks servers. It is safe for concurrent use.
type Client struct {
	URLs    []string      // servers, asked in order
	Cache   string        // folder, laid out as libdebuginfod has it
	Timeout time.Duration // without a byte; 0 means 90 s
	MaxSize int64         // of a file; 0 means 16 GB
	// Progress is told what was received so far; total is 0 when not known.
	Progress func(buildID string, got, total int64)

	http http.Client
}

// maxFile bounds a file where MaxSize does not: debug information of a kernel
// with everything in it has 2 GB.
const maxFile = 16 << 30

// limit gives the size that a file may have.
func (c *Client) limit() int64 {
	if c.MaxSize > 0 {
		return c.MaxSize
	}
	return maxFile
}

// FromEnv makes the client that the environment describes, as debuginfod-find
// reads it; nil when DEBUGINFOD_URLS is not set.
// Source: debuginfod_find_debuginfo(3), "ENVIRONMENT VARIABLES".
func FromEnv() *Client {
	urls := strings.Fields(os.Getenv("DEBUGINFOD_URLS"))
	if len(urls) == 0 {
		return nil
	}
	c := &Client{URLs: urls, Cache: CacheFolder()}
	if n, err := strconv.Atoi(os.Getenv("DEBUGINFOD_TIMEOUT")); err == nil && n > 0 {
		c.Timeout = time.Duration(n) * time.Second
	}
	if n, err := strconv.ParseInt(os.Getenv("DEBUGINFOD_MAXSIZE"), 10, 64); err == nil && n > 0 {
		c.MaxSize = n
	}
	return c
}

// CacheFolder gives the folder where clients keep what they fetched.
func CacheFolder() string {
	if dir := os.Getenv("DEBUGINFOD_CACHE_PATH"); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "debuginfod_client")
}

// Cached gives where the debug information of a build-id is kept once fetched.
func Cached(cache, buildID string) (path string, ok bool) {
	if len(buildID) < 4 || len(buildID) > 128 || strings.Trim(buildID, "0123456789abcdef") != "" || cache == "" {
		return "", false
	}
	return filepath.Join(cache, buildID, "debuginfo"), true
}

// Fetch gives the path of the debug information of a build-id, from the cache or
// from the first server that has it. A file appears in the cache only when it is
// there whole.
// Errors: wraps ErrNotFound, or context's when it was cancelled.
func (c *Client) Fetch(ctx context.Context, buildID string) (string, error) {
	path, ok := Cached(c.Cache, buildID)
	if !ok {
		return "", fmt.Errorf("fetch debug information of build-id %q: %w", buildID, ErrNotFound)
	}
	if st, err := os.Stat(path); err == nil && st.Size() > 0 {
		return path, nil
	}
	var errs []error
	for _, url := range c.URLs {
		err := c.fetch(ctx, strings.TrimRight(url, "/")+"/buildid/"+buildID+"/debuginfo", buildID, path)
		if err == nil {
			return path, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return "", fmt.Errorf("fetch debug information of build-id %s: %w", buildID, errors.Join(errs...))
}

var errSilent = errors.New("the server fell silent")

// fetch gets one URL into a file.
func (c *Client) fetch(ctx context.Context, url, buildID, path string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	silence := time.AfterFunc(timeout, func() { cancel(errSilent) })
	defer silence.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w", url, ErrNotFound)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	d := &download{client: c, buildID: buildID, total: max(resp.ContentLength, 0), heard: func() { silence.Reset(timeout) }}
	if err := d.save(resp.Body, path); err != nil {
		return fmt.Errorf("%s: %w", url, errors.Join(err, context.Cause(ctx)))
	}
	return nil
}

// download counts what arrives.
type download struct {
	client     *Client
	buildID    string
	got, total int64
	heard      func()
}

var (
	errTooBig  = errors.New("larger than DEBUGINFOD_MAXSIZE allows")
	errNotELF  = errors.New("the server sent no ELF file")
	errOtherID = errors.New("the server sent another file")
)

// Write takes note of bytes received.
func (d *download) Write(p []byte) (int, error) {
	d.heard()
	d.got += int64(len(p))
	if max(d.got, d.total) > d.client.limit() {
		return 0, errTooBig
	}
	if d.client.Progress != nil {
		d.client.Progress(d.buildID, d.got, d.total)
	}
	return len(p), nil
}

// check makes sure that a file is whole and what was asked for: a wrong one in the
// cache would stand in the way of the right one for ever.
func (d *download) check(file *os.File) error {
	if d.total > 0 && d.got != d.total {
		return io.ErrUnexpectedEOF
	}
	magic := make([]byte, len(elf.ELFMAG))
	if _, err := file.ReadAt(magic, 0); err != nil || string(magic) != elf.ELFMAG {
		return errNotELF
	}
	f, err := elffile.Open(file.Name())
	if err != nil {
		return err
	}
	defer f.Close() // read-only: nothing to lose
	if id := f.BuildID(); id != d.buildID {
		return fmt.Errorf("build-id %q: %w", id, errOtherID)
	}
	return nil
}

// save writes the body beside its place and moves it there when it is whole.
func (d *download) save(body io.Reader, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "debuginfo.*")
	if err != nil {
		return err
	}
	_, err = io.Copy(io.MultiWriter(d, tmp), body)
	if err == nil {
		err = d.check(tmp)
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
