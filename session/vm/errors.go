package vm

import "fmt"

// BootError says that the guest did not come up: QEMU ran, the kernel or its
// user space is to blame. Output is the end of the console, raw.
type BootError struct {
	Reason string
	Output []byte
}

// Error gives the reason without the console output.
func (e *BootError) Error() string { return "boot the guest: " + e.Reason }

// InfraError says that the host side failed: no QEMU, bad arguments, no port.
type InfraError struct {
	Op     string
	Output string // what QEMU printed on stderr
	Err    error
}

// Error gives the operation, its cause and what QEMU said.
func (e *InfraError) Error() string {
	if e.Output != "" {
		return fmt.Sprintf("%s: %v: %s", e.Op, e.Err, e.Output)
	}
	return fmt.Sprintf("%s: %v", e.Op, e.Err)
}

// Unwrap gives the cause.
func (e *InfraError) Unwrap() error { return e.Err }
