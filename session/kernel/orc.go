package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// maxORC bounds the entries of a table; Debian's kernels have 400,000.
const maxORC = 8 << 20

// Sizes of the entries of an ORC table.
const (
	orcIPSize    = 4
	orcEntrySize = 6
)

// ErrNoORC says that a kernel or module has no ORC tables.
var ErrNoORC = errors.New("no ORC tables")

// ORC is the raw unwind table of vmlinux or of a module.
// Units: IPBase is the address of IP[0], run time if Run, else as in vmlinux;
// addresses the table yields are in the same space.
type ORC struct {
	IP      []byte // .orc_unwind_ip: int32, relative to their own place
	IPBase  uint64
	Run     bool
	Entries []byte // .orc_unwind
	Header  []byte // .orc_header of vmlinux, nil before 6.3.10
}

// VmlinuxORC gives the kernel's own table: the file's, as it is at hand
// without asking the guest; or the guest's, where the file has none or it is
// not sorted, as before 5.6.
// Errors: wraps [ErrNoORC] if there is neither.
func (k *Kernel) VmlinuxORC(ctx context.Context) (ORC, error) {
	o, err := fileORC(k.sections)
	if err == nil && k.Mismatch == nil && sortedIPs(o.IP) {
		return o, nil
	}
	header := o.Header
	ip, ok := k.Symbol("__start_orc_unwind_ip")
	ipEnd, ok2 := k.Symbol("__stop_orc_unwind_ip")
	entries, ok3 := k.Symbol("__start_orc_unwind")
	if !ok || !ok2 || !ok3 || ipEnd < ip {
		return ORC{}, fmt.Errorf("find ORC tables of the kernel: %w", ErrNoORC)
	}
	o, err = guestORC(k.memory(ctx), uint64(ipEnd-ip)/orcIPSize, ip, entries)
	o.Header = header
	return o, err
}

// ModuleORC reads a module's table from the guest, where it is sorted and at
// its final place.
// Errors: wraps [ErrNoORC]; a module may come without.
func (k *Kernel) ModuleORC(ctx context.Context, mod *Module) (ORC, error) {
	if mod.arch.orcs == 0 || mod.arch.ip == 0 || mod.arch.entry == 0 {
		return ORC{}, fmt.Errorf("find ORC tables of module %q: %w", mod.Name, ErrNoORC)
	}
	o, err := guestORC(k.memory(ctx), mod.arch.orcs, mod.arch.ip, mod.arch.entry)
	if err != nil {
		return ORC{}, fmt.Errorf("read ORC tables of module %q: %w", mod.Name, err)
	}
	o.Header, _ = k.sections.Section(".orc_header")
	return o, nil
}

func guestORC(m target.Memory, n uint64, ip, entries addr.Addr) (ORC, error) {
	if n == 0 || n > maxORC {
		return ORC{}, &CorruptError{"ORC table", ip, fmt.Sprintf("it claims %d entries", n)}
	}
	o := ORC{IP: make([]byte, n*orcIPSize), Entries: make([]byte, n*orcEntrySize), IPBase: uint64(ip), Run: true}
	if err := m.ReadMemory(o.IP, ip); err != nil {
		return ORC{}, err
	}
	if err := m.ReadMemory(o.Entries, entries); err != nil {
		return ORC{}, err
	}
	return o, nil
}

func fileORC(f sections) (ORC, error) {
	header, _ := f.Section(".orc_header")
	ip, err := f.Section(".orc_unwind_ip")
	if err != nil {
		return ORC{Header: header}, err
	}
	entries, err := f.Section(".orc_unwind")
	if err != nil {
		return ORC{Header: header}, err
	}
	base, _, ok := f.SectionAddr(".orc_unwind_ip")
	if !ok {
		return ORC{Header: header}, ErrNoORC
	}
	return ORC{IP: ip, IPBase: base, Entries: entries, Header: header}, nil
}

// sortedIPs reports whether the addresses of a table ascend.
func sortedIPs(ip []byte) bool {
	last := int64(-1 << 62)
	for i := 0; i+orcIPSize <= len(ip); i += orcIPSize {
		at := int64(i) + int64(int32(binary.LittleEndian.Uint32(ip[i:])))
		if at < last {
			return false
		}
		last = at
	}
	return len(ip) > 0
}
