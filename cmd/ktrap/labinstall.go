package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"

	"ktrap/session/lab"
)

type labInstallCmd struct{}

// Run installs the packages that the lab and the tests need and that are not
// here, after saying which, why, and how much will be downloaded.
func (labInstallCmd) Run(ctx context.Context, log *slog.Logger) error {
	missing := lab.Missing()
	if len(missing) == 0 {
		return nil
	}
	l, err := openLab(log)
	if err != nil {
		return err
	}
	names := make([]string, len(missing))
	progress("these packages are missing:")
	for i, r := range missing {
		names[i] = r.Package
		progress("  %-18s %s", r.Package, r.Why)
	}
	if size, n, err := l.InstallSize(ctx, names); err == nil {
		progress("installing them, %d packages with what they need, downloads %s", n, lab.Size(size))
	}
	var out bytes.Buffer
	if err := l.Install(ctx, missing, &out); err != nil {
		os.Stderr.Write(out.Bytes())
		return err
	}
	if still := lab.Missing(); len(still) > 0 {
		return fmt.Errorf("installed, but %s of package %s is still not found", still[0].Command, still[0].Package)
	}
	progress("installed")
	return nil
}
