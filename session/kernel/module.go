package kernel

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"ktrap/session/target"
	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
)

// Limits on the list of modules.
const (
	maxModules    = 4096
	maxModuleSize = 256 << 20 // bytes of one memory region of a module
)

// ModuleState is where a module is in its life.
type ModuleState int

// The states. Source: linux include/linux/module.h, enum module_state.
const (
	ModuleLive ModuleState = iota
	ModuleComing
	ModuleGoing
	moduleUnformed // on the list, but nothing in it is set yet
)

// String gives what /proc/modules says.
func (s ModuleState) String() string {
	switch s {
	case ModuleLive:
		return "Live"
	case ModuleComing:
		return "Loading"
	case ModuleGoing:
		return "Unloading"
	}
	return "Unknown"
}

// Module is a loaded module as the guest has it.
type Module struct {
	Name    string
	Addr    addr.Addr // of its struct module
	State   ModuleState
	Base    addr.Addr       // of its core memory, as in /proc/modules
	Size    uint64          // of all its memory
	Text    []symbols.Range // code, while loading that of its init part too
	Memory  []symbols.Range // all its memory, code included
	Taints  uint64
	PerCPU  addr.Addr // of its per-CPU data, before a CPU's offset is added
	BuildID string    // hexadecimal, "" if unknown
	// Sections are those of /sys/module/X/sections; freed init sections keep
	// their addresses. Nil if the kernel keeps none.
	Sections map[string]addr.Addr

	arch struct {
		orcs      uint64
		ip, entry addr.Addr
	}
	kallsyms addr.Addr
}

// moduleCache holds the modules that were read before. An entry is valid while
// the bytes of the struct module are the same: all that is read through its
// pointers was written before the module went live. Owned by the holder of the
// stop lease.
type moduleCache map[addr.Addr]cachedModule

type cachedModule struct {
	raw []byte
	mod Module
}

// moduleFields is everything that is read of a module, in one go.
func moduleFields() []string {
	fields := []string{
		"state", "list", "name", "taints", "percpu", "sect_attrs", "kallsyms", "core_kallsyms", "build_id",
		"arch.num_orcs", "arch.orc_unwind_ip", "arch.orc_unwind",
		"core_layout.base", "core_layout.size", "core_layout.text_size",
		"init_layout.base", "init_layout.size", "init_layout.text_size",
	}
	for i := range memoryTypes {
		fields = append(fields, fmt.Sprintf("mem[%d].base", i), fmt.Sprintf("mem[%d].size", i))
	}
	return fields
}

// Memory of a module since 6.4: an array by type of content.
// Source: linux include/linux/module.h, enum mod_mem_type.
const (
	memText     = 0
	memInitText = 4
	memoryTypes = 7
)

// Modules lists the loaded modules, the newest first as the kernel has them.
// Errors: *[CorruptError] and read errors; the modules found are returned too.
func (k *Kernel) Modules(ctx context.Context) ([]Module, error) {
	head, ok := k.Symbol("modules")
	if !ok {
		return nil, nil // CONFIG_MODULES=n
	}
	r, err := newModules(k.memory(ctx), k.layouts)
	if err != nil {
		return nil, err
	}
	r.cache = k.modules
	r.fresh = moduleCache{}
	found, err := r.walk(head)
	k.modules = r.fresh
	return found, err
}

// modules reads modules; it lives for one question.
type modules struct {
	mem          target.Memory
	mod          *shape
	sects        sectAttrs
	cache, fresh moduleCache
}

func newModules(m target.Memory, l layouts) (*modules, error) {
	mod, err := shapeOf(l, "module", moduleFields()...)
	if err == nil {
		err = mod.need("list", "name")
	}
	if err != nil {
		return nil, err
	}
	return &modules{mem: m, mod: mod, sects: newSectAttrs(m, l)}, nil
}

func (r *modules) walk(head addr.Addr) ([]Module, error) {
	const what = "list of modules"
	next, err := readPtr(r.mem, head)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	var out []Module
	var errs []error
	seen := map[addr.Addr]bool{}
	for next != head {
		switch {
		case !next.Kernel() || next%8 != 0:
			return out, errors.Join(append(errs, &CorruptError{what, next, "not a kernel pointer"})...)
		case seen[next]:
			return out, errors.Join(append(errs, &CorruptError{what, next, "it leads back into itself"})...)
		case len(seen) >= maxModules:
			return out, errors.Join(append(errs, &CorruptError{what, next, fmt.Sprintf("it has more than %d elements", maxModules)})...)
		}
		seen[next] = true
		o, err := r.mod.read(r.mem, next-r.mod.off("list"))
		if err != nil {
			return out, errors.Join(append(errs, err)...)
		}
		next = o.ptr("list")
		if state, _ := o.uint("state"); ModuleState(state) == moduleUnformed {
			continue
		}
		mod, err := r.module(o)
		if err != nil {
			errs = append(errs, fmt.Errorf("read module %q: %w", mod.Name, err))
		}
		out = append(out, mod)
	}
	return out, errors.Join(errs...)
}

// module reads what belongs to a struct module. With an error the module is
// returned as far as it could be read.
func (r *modules) module(o object) (Module, error) {
	raw := r.unlinked(o)
	if c, ok := r.cache[o.at]; ok && bytes.Equal(c.raw, raw) {
		r.fresh[o.at] = c
		return c.mod, nil
	}
	name, _ := o.bytes("name")
	state, _ := o.uint("state")
	mod := Module{Name: printable(name), Addr: o.at, State: ModuleState(state), PerCPU: o.ptr("percpu")}
	mod.Taints, _ = o.uint("taints")
	mod.arch.orcs, _ = o.uint("arch.num_orcs")
	mod.arch.ip, mod.arch.entry = o.ptr("arch.orc_unwind_ip"), o.ptr("arch.orc_unwind")
	if mod.kallsyms = o.ptr("kallsyms"); mod.kallsyms == 0 && r.mod.has("core_kallsyms") {
		mod.kallsyms = o.at + r.mod.off("core_kallsyms")
	}
	mod.layOut(o)
	var err error
	if at := o.ptr("sect_attrs"); at != 0 {
		mod.Sections, err = r.sects.read(at)
	}
	if id, ok := o.bytes("build_id"); ok && len(bytes.Trim(id, "\x00")) > 0 {
		mod.BuildID = hex.EncodeToString(id)
	} else if mod.BuildID == "" {
		mod.BuildID = r.noteID(mod.Sections)
	}
	if err == nil {
		r.fresh[o.at] = cachedModule{raw, mod}
	}
	return mod, err
}

// unlinked is a copy of the struct without its place in the list, which
// changes when a neighbour comes or goes.
func (r *modules) unlinked(o object) []byte {
	raw := bytes.Clone(o.b)
	list := o.fields["list"]
	clear(raw[list.Off-o.lo:][:list.Size])
	return raw
}

// layOut fills in where the module's memory is.
func (mod *Module) layOut(o object) {
	add := func(base, size, text string) {
		at := o.ptr(base)
		n, ok := o.uint(size)
		if !ok || !at.Kernel() || n == 0 || n > maxModuleSize {
			return
		}
		if mod.Base == 0 {
			mod.Base = at
		}
		mod.Size += n
		mod.Memory = append(mod.Memory, symbols.Range{Start: at, End: at + addr.Addr(n)})
		if code, ok := o.uint(text); ok && code > 0 && code <= n {
			mod.Text = append(mod.Text, symbols.Range{Start: at, End: at + addr.Addr(code)})
		}
	}
	add("core_layout.base", "core_layout.size", "core_layout.text_size")
	add("init_layout.base", "init_layout.size", "init_layout.text_size")
	for i := range memoryTypes {
		size, text := fmt.Sprintf("mem[%d].size", i), ""
		if i == memText || i == memInitText {
			text = size
		}
		add(fmt.Sprintf("mem[%d].base", i), size, text)
	}
}

// noteID reads the build-id from the module's notes, "" if that fails.
func (r *modules) noteID(sections map[string]addr.Addr) string {
	at, ok := sections[".note.gnu.build-id"]
	if !ok {
		return ""
	}
	var note [36]byte // header, "GNU", 20 bytes
	if r.mem.ReadMemory(note[:], at) != nil {
		return ""
	}
	return strings.ToLower(hex.EncodeToString(elffile.BuildIDNote(note[:])))
}
