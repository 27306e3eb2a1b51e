package kernel

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"

	"ktrap/session/target"
	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// Kernel is a running kernel whose vmlinux has been proven.
//
// The exported fields do not change after [Attach]. The methods need the
// machine to be stopped and belong to whoever holds the stop lease, or to the session's
// loop while nobody does.
type Kernel struct {
	Slide    addr.Slide
	How      string // how the slide was found: "IDT", "page tables", "banner search"
	Banner   string // linux_banner without the newline
	Release  string // as uname -r
	Version  string // as uname -v
	BuildID  string // of the running kernel, hexadecimal; "" if it has none
	PhysBase uint64 // what the kernel adds when it turns an image address into a physical one
	PhysOK   bool   // PhysBase is known

	// Mismatch says that vmlinux is not the file of this kernel, and that the
	// user insisted. Everything that follows from it is to be marked.
	Mismatch *MismatchError

	target   *target.Target
	view     func(context.Context) target.Memory // target.Memory
	few      func(context.Context) target.Memory // target.Few
	image    vmlinux
	sections sections
	layouts  layouts
	shapes   map[string]*shape // see shape
	runner   *shape            // see runnerShape
	current  addr.Addr         // see currentTask; 0 if not found yet
	offsets  map[int]uint64    // of per-CPU data, as last read; see numberOf
	perCPUs  *perCPUSpan       // see perCPUSection
	log      *slog.Logger
	modules  moduleCache
}

// memory is the kernel's memory during this stop.
func (k *Kernel) memory(ctx context.Context) target.Memory { return k.view(ctx) }

// Symbol gives the run-time address of a variable or function of vmlinux.
// Per-CPU variables are not found: they have one address for each CPU.
func (k *Kernel) Symbol(name string) (addr.Addr, bool) {
	a, ok := link(k.image, name)
	if !ok || a < kernelImage {
		return 0, false
	}
	return k.Slide.Run(a), true
}

// word reads size bytes at a symbol, little endian. False: no such symbol.
func (k *Kernel) word(m target.Memory, name string, size int) (uint64, bool, error) {
	a, ok := k.Symbol(name)
	if !ok {
		return 0, false, nil
	}
	v, err := readUint(m, a, size)
	if err != nil {
		return 0, false, fmt.Errorf("read %s: %w", name, err)
	}
	return v, true, nil
}

// readUint reads an integer of up to 8 bytes.
func readUint(m target.Memory, a addr.Addr, size int) (uint64, error) {
	var b [8]byte
	if err := m.ReadMemory(b[:size], a); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// readPtr reads a pointer.
func readPtr(m target.Memory, a addr.Addr) (addr.Addr, error) {
	v, err := readUint(m, a, 8)
	return addr.Addr(v), err
}

// readString reads a NUL-terminated string of at most limit bytes. It reads in
// pieces, as the string may end where its page ends.
func readString(m target.Memory, a addr.Addr, limit int) (string, error) {
	var out []byte
	for len(out) < limit {
		p := make([]byte, min(limit-len(out), int(64-a%64)))
		if err := m.ReadMemory(p, a); err != nil {
			return "", err
		}
		if i := strings.IndexByte(string(p), 0); i >= 0 {
			return string(append(out, p[:i]...)), nil
		}
		out, a = append(out, p...), a+addr.Addr(len(p))
	}
	return string(out), nil
}

// newKernel gathers what the methods need.
func newKernel(t *target.Target, im *symbols.Image, log *slog.Logger) *Kernel {
	return &Kernel{
		target: t, view: t.Memory, few: t.Few, image: im, sections: im.File(), layouts: typeLayouts{im.Types()}, log: log,
	}
}
