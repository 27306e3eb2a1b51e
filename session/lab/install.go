package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// ErrNoRoot says that packages must be installed by somebody with the right to.
var ErrNoRoot = errors.New("installing packages needs root, or sudo")

// Install installs the packages of requirements that are not met, as root or
// through sudo, which may ask for a password on the terminal.
// Errors: ErrNoRoot; apt-get's, whose output goes to out.
func (l *Lab) Install(ctx context.Context, missing []Requirement, out io.Writer) error {
	var prefix []string
	if os.Geteuid() != 0 {
		sudo, err := exec.LookPath("sudo")
		if err != nil {
			return fmt.Errorf("%w: install them by hand", ErrNoRoot)
		}
		prefix = []string{sudo}
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("no apt-get here: install the equivalent packages by hand")
	}
	install := []string{"env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-q", "--no-install-recommends"}
	for _, r := range missing {
		install = append(install, r.Package)
	}
	for _, args := range [][]string{{"apt-get", "update", "-q"}, install} {
		args = append(append([]string{}, prefix...), args...)
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, out, out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("run %s: %w", args[len(prefix)], err)
		}
	}
	return nil
}
