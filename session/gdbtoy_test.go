package session

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"path/filepath"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
	"ktrap/symbols/addr"
)

// toySlide is where KASLR has put the toy kernel.
const toySlide = 0x4200000

// toy is a kernel that never runs, in a scripted QEMU: testdata/toy/toy.c says what
// is in it.
type toy struct {
	*rsptest.Machine
	syms map[string]uint64 // where they run; per-CPU variables where they are linked
	dir  string
}

// newToy loads the toy kernel as if it had booted at toySlide.
func newToy(t *testing.T) *toy {
	t.Helper()
	dir, err := filepath.Abs("testdata/toy")
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(filepath.Join(dir, "toykernel"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	k := &toy{Machine: &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}, {Regs: rsptest.NewRegs()}}}, syms: map[string]uint64{}, dir: dir}
	symbols, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		k.syms[s.Name] = s.Value
		if s.Value >= 1<<63 {
			k.syms[s.Name] += toySlide
		}
	}
	for _, p := range file.Progs {
		if p.Vaddr == 0 {
			continue // what every copy of per-CPU data begins as
		}
		data := make([]byte, (p.Memsz+4095)&^4095)
		if _, err := p.ReadAt(data[:p.Filesz], 0); err != nil {
			t.Fatal(err)
		}
		k.Mem = append(k.Mem, rsptest.Segment{Addr: p.Vaddr + toySlide, Data: data})
	}
	k.relocate()
	k.start()
	return k
}

// relocate moves the pointers in the data, as the boot code does.
func (k *toy) relocate() {
	data := k.Mem[len(k.Mem)-1].Data
	for off := 0; off < len(data); off += 8 {
		v := binary.LittleEndian.Uint64(data[off:]) + toySlide
		if v >= k.syms["_text"] && v < k.syms["_end"] {
			binary.LittleEndian.PutUint64(data[off:], v)
		}
	}
}

// start gives the CPUs registers and their own data.
func (k *toy) start() {
	idt := make([]byte, 4096)
	for vector, name := range map[int]string{0: "asm_exc_divide_error", 14: "asm_exc_page_fault"} {
		h := k.syms[name]
		binary.LittleEndian.PutUint16(idt[vector*16:], uint16(h))
		binary.LittleEndian.PutUint16(idt[vector*16+6:], uint16(h>>16))
		binary.LittleEndian.PutUint32(idt[vector*16+8:], uint32(h>>32))
	}
	k.Mem = append(k.Mem, rsptest.Segment{Addr: 0xfffffe0000000000, Data: idt})
	top := func(stack string, words uint64) uint64 { return k.syms[stack] + 4096 - 8*words }
	for i, regs := range []map[string]uint64{
		{"rip": k.syms["toy_write"], "rsp": top("sh_stack", 16), "rdi": k.syms["the_victim"], "rsi": 5},
		{"rip": k.syms["default_idle"], "rsp": top("idle1_stack", 16)},
	} {
		area := k.syms["percpu_area"] + uint64(i)*512
		for name, v := range map[string]uint64{"cr0": 1<<31 | 1, "efer": 1 << 10, "cr4": 1 << 5, "gs_base": area, "cs": 0x10, "ss": 0x18} {
			regs[name] = v
		}
		for name, v := range regs {
			rsptest.PutReg(k.CPUs[i].Regs, name, v)
		}
		k.put(area+k.syms["current_task"], k.syms[[]string{"sh", "idle1"}[i]])
		k.put(area+k.syms["idle_threads"], k.syms[[]string{"init_task", "idle1"}[i]])
		k.put(area+k.syms["cpu_number"], uint64(i))
	}
}

// put writes a word.
func (k *toy) put(a, v uint64) {
	for _, s := range k.Mem {
		if off := a - s.Addr; off < uint64(len(s.Data)) {
			binary.LittleEndian.PutUint64(s.Data[off:], v)
			return
		}
	}
	panic("ktrap bug: the toy has no memory there")
}

// goTo lets CPU 0 stand at a function of the toy's.
func (k *toy) goTo(name string, off uint64) string {
	rsptest.PutReg(k.CPUs[0].Regs, "rip", k.syms[name]+off)
	return "T05thread:p01.01;"
}

// joinBreaking is joinListening of a gdb with a breakpoint at toy_write.
func (k *toy) joinBreaking(ctx context.Context, t *testing.T, s *Session) listener {
	t.Helper()
	l := joinListening(ctx, t, s)
	if err := l.Insert(ctx, rsp.SoftwareBreak, k.syms["toy_write"], 1); err != nil {
		t.Fatal(err)
	}
	return l
}

// with opens a session on the toy.
func (k *toy) with(t *testing.T, f func(ctx context.Context, s *Session)) {
	t.Helper()
	t.Setenv("KTRAP_CACHE", t.TempDir())
	o := &Options{Stub: rsptest.ListenUnix(t, k.Handle), Vmlinux: filepath.Join(k.dir, "toykernel"), ModuleDirs: []string{k.dir}, Listen: "localhost:0"}
	err := Run(t.Context(), o, func(ctx context.Context, s *Session) error {
		f(ctx, s)
		return nil
	})
	if err != nil {
		t.Errorf("session: %v", err)
	}
}

func TestTheToyIsAKernel(t *testing.T) {
	newToy(t).with(t, func(ctx context.Context, s *Session) {
		err := s.Do(ctx, func(ctx context.Context, v *Stopped) error {
			w, err := v.Kernel()
			if err != nil {
				return err
			}
			if w.Kernel.Slide != toySlide || w.Kernel.Mismatch != nil {
				t.Errorf("slide %v, mismatch %v", w.Kernel.Slide, w.Kernel.Mismatch)
			}
			tasks, err := w.Kernel.Tasks(ctx)
			if len(tasks) != 5 || err != nil {
				t.Errorf("tasks %+v, %v", tasks, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// initLayout is where struct module says that its init part is.
const initLayout = 8 + 16 + 56 + 8 + 16

func TestCodeOfAFinishedInitIsTheNextModules(t *testing.T) {
	k := newToy(t)
	k.put(k.syms["hello"]+initLayout, k.syms["nofile_text"])
	k.put(k.syms["hello"]+initLayout+8, 64<<32|64)
	k.with(t, func(ctx context.Context, s *Session) {
		err := s.Do(ctx, func(ctx context.Context, v *Stopped) error {
			text := func() int {
				for _, m := range v.World.Symbols.Modules() {
					if m.Name == "hello" {
						return len(m.Text)
					}
				}
				return 0
			}
			if n := text(); n != 2 {
				t.Errorf("while it is loaded it has code in %d places", n)
			}
			cpus, err := v.Target.CPUs(ctx)
			if err != nil {
				return err
			}
			at := addr.Addr(k.syms["hello"] + initLayout)
			if err := v.Target.WriteMemory(ctx, cpus[0], at, make([]byte, 16)); err != nil {
				return err
			}
			if err := v.RefreshModules(ctx); err != nil {
				return err
			}
			if n := text(); n != 1 {
				t.Errorf("afterwards it has code in %d places", n)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
