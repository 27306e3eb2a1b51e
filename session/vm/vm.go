// Package vm starts and owns a QEMU process: its command line, its monitor
// (QMP), its serial console. A QEMU started here never outlives ktrap, however
// ktrap ends.
package vm

import (
	"context"
	"errors"
)

// VM is one running QEMU.
type VM struct {
}

// Start starts QEMU and returns when its monitor answers; the guest may still
// be booting.
// Errors: *InfraError when QEMU cannot run or refuses its arguments.
func Start(ctx context.Context, o *Options) (*VM, error) {
	return nil, &InfraError{Op: "start QEMU", Err: errors.ErrUnsupported}
}

// Args is the command line, with the program first.
func (v *VM) Args() []string { return nil }

// GDBAddr is where the stub listens: HOST:PORT, or the path of a unix socket
// (it begins with a slash), or "" when there is none.
func (v *VM) GDBAddr() string { return "" }

// SSHAddr is the loopback HOST:PORT that leads to the guest's port 22, or "".
func (v *VM) SSHAddr() string { return "" }

// Pid is the process ID of QEMU.
func (v *VM) Pid() int { return 0 }

// Dir is the folder that holds the sockets and console.log.
func (v *VM) Dir() string { return "" }

// Console is the serial console.
func (v *VM) Console() *Console { return nil }

// QMP is the monitor.
func (v *VM) QMP() *QMP { return nil }

// Done is closed when QEMU has ended.
func (v *VM) Done() <-chan struct{} { return nil }

// Err says how QEMU ended; nil while it runs and after a clean end.
func (v *VM) Err() error { return nil }

// Close kills QEMU, waits for it and removes what it left.
func (v *VM) Close() error { return nil }
