package hostram

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Process is the process at the other end of a connection, found and opened at
// the first Open. It is not safe for concurrent use.
type Process struct {
	conn   io.ReadWriteCloser
	proc   string // /proc
	opened bool
	pid    int
	mem    *os.File
	err    error // why it cannot be read
}

// Behind is the process behind a connection to a stub; proc is /proc.
func Behind(conn io.ReadWriteCloser, proc string) *Process { return &Process{conn: conn, proc: proc} }

// Open finds the process and opens its memory, once. What is open stays that of
// this very process: it can be read no more when the process has ended or runs
// another program, and is never that of a later one with the same number.
// Errors: wraps ErrElsewhere or fs.ErrPermission.
func (p *Process) Open() (pid int, err error) {
	if !p.opened {
		p.opened = true
		p.pid, p.err = peer(p.conn, p.proc)
		if p.err == nil {
			p.mem, p.err = os.Open(filepath.Join(p.proc, strconv.Itoa(p.pid), "mem"))
			p.err = explain(p.err)
		}
	}
	return p.pid, p.err
}

// explain adds what to do where something can be done.
func explain(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w (QEMU is another user's, or the host's kernel.yama.ptrace_scope forbids it: "+
			"run ktrap as root, or give it CAP_SYS_PTRACE)", err)
	}
	return err
}

// ReadMemory fills b from an address in the process, or fails: also when the
// process has ended, and before Open.
func (p *Process) ReadMemory(b []byte, host uint64) error {
	if p.mem == nil || int64(host) < 0 {
		return fs.ErrInvalid
	}
	n, err := p.mem.ReadAt(b, int64(host))
	if n == len(b) {
		return nil
	}
	return err
}

// Close lets go of the process. A nil Process may be closed.
func (p *Process) Close() error {
	if p == nil || p.mem == nil {
		return nil
	}
	mem := p.mem
	p.mem = nil
	return mem.Close()
}
