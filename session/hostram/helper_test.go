package hostram

import "unsafe"

// addressOf tells where bytes lie in this process.
func addressOf(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
