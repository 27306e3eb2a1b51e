package lab

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// download brings packages into dir. What is there already and has the right
// checksum is kept; anything else of that name is fetched again.
func (a *apt) download(ctx context.Context, dir string, files []pkgFile, p Progress) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make download folder: %w", err)
	}
	for _, f := range files {
		path := filepath.Join(dir, f.File)
		if checkFile(path, &f) == nil {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove half a download: %w", err)
		}
		step := fmt.Sprintf("download %s %s (%s)", f.Name, f.Version, Size(f.Size))
		p.send(Event{Step: step, Total: f.Size})
		if err := a.fetch(ctx, dir, &f, func(done int64) { p.send(Event{Step: step, Done: done, Total: f.Size}) }); err != nil {
			return explain(fmt.Errorf("download %s: %w", f.Name, err), dir)
		}
		if err := checkFile(path, &f); err != nil {
			return explain(fmt.Errorf("check the download of %s: %w", f.Name, err), dir)
		}
		p.send(Event{Step: step, Done: f.Size, Total: f.Size})
	}
	return nil
}

// fetch runs apt-get download and follows its machine-readable status.
func (a *apt) fetch(ctx context.Context, dir string, f *pkgFile, done func(int64)) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := a.command(ctx, "apt-get", "-o", "APT::Status-Fd=3", "download", f.Name+"="+f.Version)
	cmd.Dir = dir
	cmd.ExtraFiles = []*os.File{w}
	var said strings.Builder
	cmd.Stderr = &said
	// It must not go on writing after a killed ktrap, into the files of the next
	// one. The signal comes when the thread ends that forked: stay on it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) } // its download method, too
	err = cmd.Start()
	w.Close()
	if err != nil {
		return err
	}
	s := bufio.NewScanner(r)
	for s.Scan() {
		if percent, ok := parseStatus(s.Text()); ok {
			done(int64(percent / 100 * float64(f.Size)))
		}
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}

// parseStatus reads a line of apt's status output.
// Example line: dlstatus:1:12.3456:Retrieving file 1 of 1
func parseStatus(line string) (percent float64, ok bool) {
	f := strings.SplitN(line, ":", 4)
	if len(f) < 3 || f[0] != "dlstatus" {
		return 0, false
	}
	percent, err := strconv.ParseFloat(f[2], 64)
	return percent, err == nil && percent >= 0 && percent <= 100
}

// checkFile compares size and checksum with what the archive says.
func checkFile(path string, want *pkgFile) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != want.Size {
		return fmt.Errorf("%s has %d bytes, not %d", path, info.Size(), want.Size)
	}
	if want.SHA256 == "" {
		return nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want.SHA256 {
		return fmt.Errorf("%s has checksum %s, not %s", path, got, want.SHA256)
	}
	return nil
}

// fullError says in plain words that the disk is full.
type fullError struct {
	dir        string
	free, need int64 // need is 0 when it is not known
	err        error
}

// Error says where, how much is free and what to do.
func (e *fullError) Error() string {
	need := ""
	if e.need > 0 {
		need = Size(e.need) + " needed, "
	}
	return fmt.Sprintf("no space left in %s: %s%s free; KTRAP_CACHE names another place", e.dir, need, Size(e.free))
}

// Unwrap gives the system's error.
func (e *fullError) Unwrap() error { return e.err }

// explain turns an error that comes from a full disk into a fullError. Other
// programs do not give us ENOSPC, so a disk that is full now counts, too.
func explain(err error, dir string) error {
	if _, ok := errors.AsType[*fullError](err); ok {
		return err
	}
	free, ferr := freeSpace(dir)
	if errors.Is(err, syscall.ENOSPC) || ferr == nil && free < 1<<20 {
		return &fullError{dir: dir, free: free, err: err}
	}
	return err
}

func freeSpace(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("ask for free space on %s: %w", dir, err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// Size prints a number of bytes as apt does.
func Size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}
