package session

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// monitorWho collects everything that is known of an address.
func monitorWho(ctx context.Context, v *Stopped, q *question) (string, error) {
	a, err := v.address(q.args)
	if err != nil {
		return "", err
	}
	w, k := v.World, v.World.Kernel
	var b strings.Builder
	fmt.Fprintf(&b, "%v\n", a)
	if name := w.SymbolName(a); name != "" {
		fmt.Fprintf(&b, "    symbol %s\n", name)
	}
	for _, m := range w.Symbols.Modules() {
		if m.Image == nil {
			continue
		}
		for _, s := range m.Image.File().Sections() {
			if at := m.Sections[s.Name]; at != 0 && a >= at && uint64(a-at) < s.Size {
				fmt.Fprintf(&b, "    module %s, section %s+%#x (%s)\n", m.Name, s.Name, uint64(a-at), filepath.Base(m.Image.Path()))
			}
		}
	}
	v.whoseStack(ctx, &b, a)
	if online, err := k.Online(ctx); err == nil {
		for _, cpu := range online {
			if zero, err := k.PerCPUAddr(ctx, 0, cpu); err == nil && k.IsPerCPU(a-zero) {
				fmt.Fprintf(&b, "    per-CPU data of CPU %d, %s\n", cpu, orUnnamed(w.SymbolName(a-zero), a-zero))
			}
		}
	}
	if k.IsPerCPU(a) {
		b.WriteString("    a per-CPU variable before a CPU's offset is added\n")
	}
	if pa, err := v.Target.Translate(ctx, a); err == nil {
		fmt.Fprintf(&b, "    physical address %#x\n", pa)
		v.whosePage(ctx, &b, pa)
	} else {
		fmt.Fprintf(&b, "    %v\n", err)
	}
	return b.String(), nil
}

// whosePage tells what the kernel uses a page of RAM for, and of which slab cache an
// object there is. What cannot be read is said in its place.
func (v *Stopped) whosePage(ctx context.Context, b *strings.Builder, phys uint64) {
	k := v.World.Kernel
	page, err := k.Page(ctx, phys)
	if _, fault := errors.AsType[*target.FaultError](err); fault {
		b.WriteString("    no page of RAM: a device's, or none\n")
		return
	}
	if err != nil {
		fmt.Fprintf(b, "    page: %v\n", err)
		return
	}
	o, ok, err := k.SlabObject(ctx, page, phys)
	switch {
	case ok && (o.Offset < 0 || uint64(o.Offset) >= o.Size):
		fmt.Fprintf(b, "    slab cache %s, beside the object at %v of %d bytes\n", o.Cache, o.Addr, o.Size)
	case ok:
		fmt.Fprintf(b, "    slab cache %s, object at %v+%#x of %d bytes: %v\n", o.Cache, o.Addr, uint64(o.Offset), o.Size, o.State)
	}
	if err != nil {
		fmt.Fprintf(b, "    slab: %v\n", err)
	}
	fmt.Fprintf(b, "    page %v, %d references", page.Addr, page.Refs)
	if page.Head != page.Addr {
		fmt.Fprintf(b, ", part of the larger page %v", page.Head)
	}
	fmt.Fprintf(b, ", flags %#x", page.Flags)
	if len(page.Names) > 0 {
		fmt.Fprintf(b, " (%s)", strings.Join(page.Names, " "))
	}
	if !ok && page.Mapping != 0 && page.Refs > 0 {
		fmt.Fprintf(b, ", mapping %v", page.Mapping)
	}
	b.WriteByte('\n')
}

func orUnnamed(name string, a addr.Addr) string {
	if name == "" {
		return fmt.Sprintf("offset %#x", uint64(a))
	}
	return name
}

// whoseStack names the tasks whose struct or stack an address is in, and the stacks
// of CPUs.
func (v *Stopped) whoseStack(ctx context.Context, b *strings.Builder, a addr.Addr) {
	k := v.World.Kernel
	tasks, err := k.Tasks(ctx)
	if err != nil {
		fmt.Fprintf(b, "    tasks: %v\n", err)
	}
	for _, t := range tasks {
		if s, err := k.TaskStack(t); err == nil && a >= s.Low && a < s.High {
			fmt.Fprintf(b, "    stack of task %s [%d], %#x bytes below its top\n", t.Comm, t.PID, uint64(s.High-a))
		}
		if size := k.TaskSize(); a >= t.Addr && a < t.Addr+size {
			fmt.Fprintf(b, "    task_struct of %s [%d]+%#x\n", t.Comm, t.PID, uint64(a-t.Addr))
		}
	}
	cpus, err := v.Target.CPUs(ctx)
	if err != nil {
		return
	}
	for _, c := range cpus {
		stacks, _ := k.CPUStacks(ctx, c) // what cannot be found has no name
		for _, s := range stacks {
			if a >= s.Low && a < s.High {
				fmt.Fprintf(b, "    %s stack of CPU %d, %#x bytes below its top\n", s.Name, c.Index, uint64(s.High-a))
			}
		}
	}
}
