package elffile

import (
	"fmt"
	"runtime/debug"
)

// Guard runs f and turns a panic into an error: debug/elf and debug/dwarf panic
// on some damaged files, and a mapped file that is truncated meanwhile (a kernel
// being rebuilt) faults on access.
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged file: %v", p)
		}
	}()
	return f()
}
