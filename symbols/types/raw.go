package types

import (
	"encoding/binary"
	"fmt"
)

// Raw serves BTF that is a file of its own, as those in /sys/kernel/btf are: give
// it to [New], or for a module's to [NewModule] with the Info of vmlinux's as
// base. Such a file has types, and per-CPU variables without their addresses.
func Raw(btf []byte) Source { return rawBTF(btf) }

// IsRaw reports whether data begins like a BTF file.
func IsRaw(data []byte) bool {
	return len(data) >= btfHeaderSize && binary.LittleEndian.Uint16(data) == btfMagic
}

type rawBTF []byte

func (r rawBTF) Section(name string) ([]byte, error) {
	if name != ".BTF" {
		return nil, fmt.Errorf("a BTF file has no %s", name)
	}
	return r, nil
}
