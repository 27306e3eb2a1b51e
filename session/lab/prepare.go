package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// unpackedBytes is about what a series takes on disk beside its packages.
const unpackedBytes = 800e6

// PrepareOptions change what Prepare does.
type PrepareOptions struct {
	Progress Progress // may be nil
	Refresh  bool     // ask apt for a newer kernel even if one is cached
}

// Prepare makes a series ready: it downloads and builds what is missing, and
// does nothing, offline, when all is there. "" means DefaultSeries. An
// interrupted Prepare leaves nothing half done; the next one goes on.
func (l *Lab) Prepare(ctx context.Context, series string, o *PrepareOptions) (*Kernel, error) {
	if o == nil {
		o = &PrepareOptions{}
	}
	series, err := l.series(series)
	if err != nil {
		return nil, err
	}
	unlock, err := l.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	k, err := l.Kernel(series)
	if err != nil && !errors.Is(err, ErrNotPrepared) {
		return nil, err
	}
	if err != nil || o.Refresh {
		l.log.Info("fetch kernel", "series", series, "because", err)
		if err := l.fetch(ctx, series, k, o.Progress); err != nil {
			return nil, fmt.Errorf("prepare kernel %s: %w", series, explain(err, l.root))
		}
		if k, err = l.Kernel(series); err != nil {
			return nil, err
		}
	}
	if err := l.makeKeys(); err != nil {
		return nil, fmt.Errorf("make SSH keys: %w", err)
	}
	if err := k.build(ctx, o.Progress); err != nil {
		return nil, fmt.Errorf("prepare kernel %s: %w", series, explain(err, l.root))
	}
	return k, nil
}

// lock keeps a second ktrap out while one changes the lab.
func (l *Lab) lock() (unlock func(), err error) {
	if err := os.MkdirAll(l.root, 0o755); err != nil {
		return nil, fmt.Errorf("make the lab's folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(l.root, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the lab: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the lab: %w", err)
	}
	return func() { f.Close() }, nil
}

// fetch fills a new folder for the series and puts it in the place of the old one.
func (l *Lab) fetch(ctx context.Context, series string, old *Kernel, p Progress) error {
	l.sweep()
	tmp, err := os.MkdirTemp(l.root, ".tmp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	s := &stamp{Schema: stampSchema, Files: map[string]*stampFile{}}
	if series == KASANSeries {
		err = l.fetchKASAN(tmp, s, p)
	} else {
		err = l.fetchDebian(ctx, series, old, tmp, s, p)
	}
	if errors.Is(err, errUpToDate) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.write(tmp); err != nil {
		return err
	}
	return publish(tmp, l.dir(series))
}

// errUpToDate ends a refresh that found nothing newer.
var errUpToDate = errors.New("nothing newer")

// sweep removes what interrupted runs left; the lock is held.
func (l *Lab) sweep() {
	left, _ := filepath.Glob(filepath.Join(l.root, ".tmp-*"))
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			l.log.Warn("left-over folder stays", "dir", dir, "error", err)
		}
	}
}

// publish gives a finished folder its name.
func publish(tmp, dir string) error {
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	syscall.Sync() // the stamp must not reach the disk before what it vouches for
	old := tmp + "-old"
	if err := os.Rename(dir, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

// fetchDebian downloads the packages of a series and unpacks them into tmp.
func (l *Lab) fetchDebian(ctx context.Context, series string, old *Kernel, tmp string, s *stamp, p Progress) error {
	dir := filepath.Join(l.root, "downloads")
	pkg, files, err := l.obtain(ctx, series, old, dir, p)
	if err != nil {
		return err
	}
	s.Release = pkg.release()
	u := &unpacker{dir: tmp, stamp: s, debs: map[string]string{}}
	for _, f := range files {
		s.Packages = append(s.Packages, stampPackage{Name: f.Name, Version: f.Version, SHA256: f.SHA256})
		u.debs[f.Name] = filepath.Join(dir, f.File)
	}
	if err := u.unpack(ctx, pkg, p); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(dir), os.RemoveAll(filepath.Join(l.root, "apt")))
}

// obtain downloads the packages of the newest kernel of the series. If the
// system's package lists do not know one, or one that is gone from the
// archive, it tries once more with lists of our own.
func (l *Lab) obtain(ctx context.Context, series string, old *Kernel, dir string, p Progress) (kernelPkg, []pkgFile, error) {
	a := l.apt()
	for {
		p.send(Event{Step: "look for the newest kernel " + series})
		pkg, files, err := a.choose(ctx, series)
		if err == nil && old != nil && old.stamp.hasPackages(files) {
			return "", nil, errUpToDate
		}
		if err == nil {
			err = l.download(ctx, a, pkg, files, dir, p)
		}
		if err == nil || a.own || errors.Is(err, errNoApt) || errors.Is(err, syscall.ENOSPC) || ctx.Err() != nil {
			return pkg, files, err
		}
		l.log.Info("fetch package lists", "because", err)
		p.send(Event{Step: "fetch newer package lists"})
		if uerr := a.update(ctx); uerr != nil {
			return "", nil, errors.Join(err, uerr)
		}
	}
}

// download says how much it will be, and fetches it.
func (l *Lab) download(ctx context.Context, a *apt, pkg kernelPkg, files []pkgFile, dir string, p Progress) error {
	var total int64
	for _, f := range files {
		total += f.Size
	}
	if free, err := freeSpace(l.root); err == nil && free < total+unpackedBytes {
		return &fullError{dir: l.root, free: free, need: total + unpackedBytes, err: syscall.ENOSPC}
	}
	p.send(Event{Step: fmt.Sprintf("kernel %s: %d packages, %s to download, about %s on disk afterwards",
		pkg.release(), len(files), Size(total), Size(unpackedBytes))})
	return a.download(ctx, dir, files, p)
}

func (a *apt) choose(ctx context.Context, series string) (kernelPkg, []pkgFile, error) {
	pkg, err := a.newest(ctx, series)
	if err != nil {
		return "", nil, err
	}
	pkgs := []string{pkg.image(), pkg.debug(), pkg.headers()}
	depends, err := a.field(ctx, pkg.headers(), "Depends")
	if err != nil {
		return "", nil, err
	}
	pkgs = append(pkgs, headerPackages(depends)...)
	files, err := a.files(ctx, pkgs)
	return pkg, files, err
}

// headerPackages picks from the dependencies of linux-headers-* the packages
// that belong into the same tree.
// Example: linux-headers-6.1.0-56-common (= 6.1.192-2), linux-kbuild-6.1 (>= 6.1.192-2), linux-compiler-gcc-12-x86
func headerPackages(depends string) []string {
	var pkgs []string
	for d := range strings.SplitSeq(depends, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(d), " ")
		if strings.HasPrefix(name, "linux-headers-") || strings.HasPrefix(name, "linux-kbuild-") {
			pkgs = append(pkgs, name)
		}
	}
	return pkgs
}

func (s *stamp) hasPackages(files []pkgFile) bool {
	have := map[string]string{}
	for _, p := range s.Packages {
		have[p.Name] = p.Version
	}
	for _, f := range files {
		if have[f.Name] != f.Version {
			return false
		}
	}
	return true
}
