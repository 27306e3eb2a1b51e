// Package vm starts and owns a QEMU process: its command line, its monitor
// (QMP), its serial console. A QEMU started here never outlives ktrap, however
// ktrap ends.
package vm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// VM is one running QEMU.
//
// Goroutines, started by Start and joined by Close: the owner of the process
// (forks, waits, and with it exec's two copiers of output) and the reader of
// the monitor.
type VM struct {
	args    []string
	gdb     string
	ssh     string
	dir     string
	private *private // removed by Close
	persist bool
	log     *slog.Logger
	console *Console
	stderr  *tail
	qmp     *QMP
	proc    *process
	file    *os.File
	wg      sync.WaitGroup

	closing   chan struct{} // closed when Close begins: from then an end of QEMU is no error
	closeOnce sync.Once
	closeErr  error
}

// Start starts QEMU and returns when its monitor answers; the guest may still
// be booting.
// Errors: *InfraError when QEMU cannot run or refuses its arguments.
func Start(ctx context.Context, o *Options) (*VM, error) {
	v := &VM{log: o.log(), persist: o.Persist, closing: make(chan struct{}), stderr: &tail{limit: 16 << 10}}
	if err := v.start(ctx, o); err != nil {
		err = v.refusal(ctx, err)
		return nil, errors.Join(&InfraError{Op: "start QEMU", Output: v.stderr.String(), Err: err}, v.Close())
	}
	v.log.Info("QEMU runs", "pid", v.Pid(), "gdb", v.gdb, "ssh", v.ssh)
	return v, nil
}

func (v *VM) start(ctx context.Context, o *Options) error {
	if err := v.makeDirs(o); err != nil {
		return err
	}
	socket := filepath.Join(v.private.dir, "gdb.sock")
	args, err := o.args(socket)
	if err != nil {
		return err
	}
	cmd := exec.Command(o.qemu(), args...)
	v.args = cmd.Args
	v.log.Debug("start", "args", v.args)
	v.console = newConsole(v.file, o.OnConsole, v.log)
	cmd.Stdout, cmd.Stderr = receiver{v.console}, v.stderr
	if v.console.keyb, err = cmd.StdinPipe(); err != nil {
		return fmt.Errorf("make console pipe: %w", err)
	}
	conn, err := v.spawn(cmd)
	if err != nil {
		return err
	}
	v.qmp = newQMP(conn, o.OnEvent)
	v.wg.Go(v.qmp.read)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := v.qmp.Do(ctx, "qmp_capabilities", nil, nil); err != nil {
		return err
	}
	return v.findPorts(ctx, o, socket)
}

// refusalGrace is how long a QEMU whose monitor broke may take to end.
const refusalGrace = 2 * time.Second

// refusal gives the cause of a failed start. A QEMU that cannot do what its
// arguments say tells so on stderr and ends, and its monitor breaks a moment
// before: that QEMU ended is the cause then, and its words are waited for.
func (v *VM) refusal(ctx context.Context, err error) error {
	if v.proc == nil {
		return err
	}
	select {
	case <-v.proc.done:
		return cmp.Or(v.proc.err, err)
	case <-time.After(refusalGrace):
	case <-ctx.Done():
	}
	return err
}

// makeDirs makes the private folder, always a short path because a unix
// socket's has 107 bytes at most, and opens console.log.
func (v *VM) makeDirs(o *Options) error {
	tmp := os.TempDir()
	if len(tmp) > 60 {
		tmp = "/tmp"
	}
	var err error
	if v.private, err = makePrivate(tmp); err != nil {
		return fmt.Errorf("make folder for sockets: %w", err)
	}
	v.dir = v.private.dir
	if o.Dir != "" {
		if err := os.MkdirAll(o.Dir, 0o755); err != nil {
			return fmt.Errorf("make folder for console.log: %w", err)
		}
		v.dir = o.Dir
	}
	if v.file, err = os.Create(filepath.Join(v.dir, "console.log")); err != nil {
		return fmt.Errorf("create console.log: %w", err)
	}
	return nil
}

// spawn starts QEMU with one end of a socket pair as its monitor, and returns the other.
func (v *VM) spawn(cmd *exec.Cmd) (net.Conn, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make monitor socket: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "monitor"), os.NewFile(uintptr(fds[1]), "monitor")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, fmt.Errorf("open monitor socket: %w", err)
	}
	cmd.ExtraFiles = []*os.File{theirs}
	v.proc, err = startProcess(cmd)
	if errors.Is(err, exec.ErrNotFound) {
		err = fmt.Errorf("%w: install QEMU (package qemu-system-x86), or run `ktrap lab install`", err)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	v.wg.Go(func() {
		<-v.proc.done
		v.console.finish()
	})
	return conn, nil
}

// Args is the command line, with the program first.
func (v *VM) Args() []string { return v.args }

// CommandLine is Args as a line for a shell.
func (v *VM) CommandLine() string { return ShellLine(v.args) }

// ShellLine writes words as a line for a shell, quoted where they must be.
func ShellLine(words []string) string {
	quoted := make([]string, len(words))
	for i, a := range words {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$`*?[]{}()<>|&;!#~") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " ")
}

// GDBAddr is where the stub listens: HOST:PORT, or the path of a unix socket
// (it begins with a slash), or "" when there is none.
func (v *VM) GDBAddr() string { return v.gdb }

// SSHAddr is the loopback HOST:PORT that leads to the guest's port 22, or "".
func (v *VM) SSHAddr() string { return v.ssh }

// Pid is the process ID of QEMU.
func (v *VM) Pid() int { return v.proc.cmd.Process.Pid }

// Dir is the folder that holds console.log.
func (v *VM) Dir() string { return v.dir }

// Console is the serial console.
func (v *VM) Console() *Console { return v.console }

// QMP is the monitor.
func (v *VM) QMP() *QMP { return v.qmp }

// Done is closed when QEMU has ended.
func (v *VM) Done() <-chan struct{} { return v.proc.done }

// Err says how QEMU ended; nil while it runs, after a clean end and after Close.
// Errors: *InfraError.
func (v *VM) Err() error {
	select {
	case <-v.proc.done:
	default:
		return nil
	}
	select {
	case <-v.closing:
		return nil
	default:
	}
	if v.proc.err == nil {
		return nil
	}
	return &InfraError{Op: "run QEMU", Output: v.stderr.String(), Err: v.proc.err}
}

// Close ends QEMU, waits for it and removes what it left. It may be called twice.
func (v *VM) Close() error {
	v.closeOnce.Do(func() { v.closeErr = v.close() })
	return v.closeErr
}

func (v *VM) close() error {
	close(v.closing)
	var errs []error
	if v.proc != nil {
		if v.persist { // let it write its images back
			v.quit()
		}
		v.proc.kill()
	}
	if v.qmp != nil {
		errs = append(errs, v.qmp.conn.Close())
	}
	v.wg.Wait()
	if v.file != nil {
		errs = append(errs, v.file.Close())
	}
	if v.private != nil {
		errs = append(errs, v.private.remove())
	}
	return errors.Join(errs...)
}

func (v *VM) quit() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if v.qmp == nil || v.qmp.Quit(ctx) != nil {
		return
	}
	select {
	case <-v.proc.done:
	case <-ctx.Done():
	}
}
