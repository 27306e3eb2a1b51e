package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// apt runs the host's package tools. None of it needs root: packages are only
// downloaded, never installed. When the system's package lists are missing or
// so old that what they name is gone, lists of our own are fetched.
type apt struct {
	private string // folder for lists of our own
	own     bool   // they are in use
}

func (l *Lab) apt() *apt { return &apt{private: filepath.Join(l.root, "apt")} }

// errNoApt says that this host has no Debian package tools.
var errNoApt = errors.New("apt is not installed; the lab's kernels are Debian packages")

// pkgFile is one package that can be downloaded.
type pkgFile struct {
	Name    string // the package
	Version string
	File    string
	Size    int64
	SHA256  string // "" when the archive uses another hash; apt has checked that one
}

func (a *apt) options() []string {
	o := []string{"-q", "-o", "APT::Sandbox::User="}
	if a.own {
		o = append(o,
			"-o", "Dir::State="+filepath.Join(a.private, "state"),
			"-o", "Dir::Cache="+filepath.Join(a.private, "cache"))
	}
	return o
}

func (a *apt) command(ctx context.Context, tool string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, tool, append(a.options(), args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	return cmd
}

// output runs a tool that only asks.
func (a *apt) output(ctx context.Context, tool string, args ...string) (string, error) {
	out, err := a.command(ctx, tool, args...).Output()
	if err == nil {
		return string(out), nil
	}
	if errors.Is(err, exec.ErrNotFound) {
		return "", errNoApt
	}
	return "", fmt.Errorf("run %s %s: %w", tool, strings.Join(args, " "), withStderr(err))
}

// withStderr adds what a program said before it failed.
func withStderr(err error) error {
	if e, ok := errors.AsType[*exec.ExitError](err); ok && len(e.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(e.Stderr))
	}
	return err
}

// update fetches lists of our own and uses them from now on.
func (a *apt) update(ctx context.Context) error {
	for _, d := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.private, d), 0o755); err != nil {
			return fmt.Errorf("make folder for package lists: %w", err)
		}
	}
	a.own = true
	_, err := a.output(ctx, "apt-get", "update")
	return err
}

// kernels lists the cloud kernels that apt knows, oldest first.
func (a *apt) kernels(ctx context.Context) ([]kernelPkg, error) {
	out, err := a.output(ctx, "apt-cache", "search", "--names-only", `^linux-image-[0-9].*-cloud-amd64-(unsigned|dbg)$`)
	if err != nil {
		return nil, err
	}
	return parseKernels(out), nil
}

// newest finds the newest kernel of a series.
func (a *apt) newest(ctx context.Context, series string) (kernelPkg, error) {
	all, err := a.kernels(ctx)
	if err != nil {
		return "", err
	}
	var offered []string
	var found kernelPkg
	for _, k := range all {
		if k.series() == series {
			found = k
		}
		if s := k.series(); len(offered) == 0 || offered[len(offered)-1] != s {
			offered = append(offered, s)
		}
	}
	if found != "" {
		return found, nil
	}
	if len(offered) == 0 {
		return "", errors.New("apt knows no Debian cloud kernel with debug information (linux-image-*-cloud-amd64-dbg); " +
			"this host is not Debian, or its sources lack the main archive")
	}
	return "", &SeriesError{series, "apt has only " + strings.Join(offered, ", ")}
}

// field gives a field of the newest version of a package.
func (a *apt) field(ctx context.Context, pkg, field string) (string, error) {
	out, err := a.output(ctx, "apt-cache", "show", "--no-all-versions", pkg)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if v, ok := strings.CutPrefix(line, field+": "); ok {
			return strings.TrimSpace(v), nil
		}
	}
	return "", fmt.Errorf("package %s has no field %s", pkg, field)
}

// files asks what downloading packages would fetch; a package may be given as name=version.
func (a *apt) files(ctx context.Context, pkgs []string) ([]pkgFile, error) {
	out, err := a.output(ctx, "apt-get", append([]string{"download", "--print-uris"}, pkgs...)...)
	if err != nil {
		return nil, err
	}
	files := parseURIs(out)
	if len(files) != len(pkgs) {
		return nil, fmt.Errorf("apt-get download names %d files for %d packages", len(files), len(pkgs))
	}
	return files, nil
}

// parseURIs reads the output of apt-get --print-uris.
// Example line: 'http://deb.debian.org/x.deb' name_1%3a2_amd64.deb 1592924 SHA256:66b33325
func parseURIs(out string) []pkgFile {
	var files []pkgFile
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 3 || !strings.HasPrefix(f[0], "'") || f[1] != filepath.Base(f[1]) {
			continue
		}
		size, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil || size < 0 {
			continue
		}
		p := pkgFile{File: f[1], Size: size}
		parts := strings.Split(strings.TrimSuffix(f[1], ".deb"), "_")
		p.Name = parts[0]
		if len(parts) > 1 {
			p.Version = strings.ReplaceAll(parts[1], "%3a", ":")
		}
		if len(f) > 3 {
			if sum, ok := strings.CutPrefix(f[3], "SHA256:"); ok {
				p.SHA256 = sum
			}
		}
		files = append(files, p)
	}
	return files
}

// InstallSize asks apt what installing packages would download, with all that they depend on.
// Units: bytes.
func (l *Lab) InstallSize(ctx context.Context, pkgs []string) (size int64, packages int, err error) {
	args := append([]string{"install", "--print-uris", "-y", "--no-install-recommends"}, pkgs...)
	out, err := l.apt().output(ctx, "apt-get", args...)
	if err != nil {
		return 0, 0, err
	}
	files := parseURIs(out)
	for _, f := range files {
		size += f.Size
	}
	return size, len(files), nil
}
