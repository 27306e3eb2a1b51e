// Package unxz undoes xz for archives of hundreds of megabytes.
package unxz

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"

	"github.com/ulikunitz/xz"
)

// maxTail is more than tar puts behind its end.
const maxTail = 1 << 20

// Reader decompresses with the host's program if there is one, as it is five to
// ten times as fast as the library. Once reading is over, wait must be called with
// the error that ended it, or nil; it gives the program's own.
func Reader(ctx context.Context, from io.Reader) (plain io.Reader, wait func(error) error, err error) {
	program, err := exec.LookPath("xz")
	if err != nil {
		plain, err = xz.NewReader(bufio.NewReaderSize(from, 1<<20))
		return plain, func(error) error { return nil }, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, program, "-dc")
	cmd.Stdin = from
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return out, func(failed error) error {
		defer cancel()
		if failed != nil { // nobody reads what it writes any more
			cancel()
		}
		_, _ = io.CopyN(io.Discard, out, maxTail)
		_ = out.Close()
		if err := cmd.Wait(); failed == nil && err != nil {
			return fmt.Errorf("run xz: %w", err)
		}
		return nil
	}, nil
}
