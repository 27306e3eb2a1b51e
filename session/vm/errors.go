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

// Error gives the operation, what QEMU said, and the cause.
func (e *InfraError) Error() string {
	if e.Output != "" {
		return fmt.Sprintf("%s: %s (%v)", e.Op, e.Output, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.Op, e.Err)
}

// Unwrap gives the cause.
func (e *InfraError) Unwrap() error { return e.Err }
