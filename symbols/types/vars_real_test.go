package types

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"ktrap/symbols/cfi"
	"ktrap/symbols/elffile"
)

func TestRealVariablesAreFoundHoweverTheyAreDefined(t *testing.T) {
	want := []struct{ name, spelling, why string }{
		{"init_task", "struct task_struct", "declared in most units, defined in one"},
		{"jiffies", "volatile unsigned long", "an alias made by the linker script"},
		{"jiffies_64", "u64", "its target"},
		{"phys_base", "unsigned long", "defined in assembly"},
		{"__per_cpu_offset", "unsigned long [", "an array"},
		{"modules", "struct list_head", "static"},
		{"prb", "struct printk_ringbuffer *", "static with a name too short for .debug_str"},
		{"runqueues", "struct rq", "per-CPU"},
		{"linux_banner", "const char [", "const"},
		{"panic_cpu", "atomic_t", "a typedef of an unnamed struct"},
		{"saved_command_line", "char *", "a pointer"},
	}
	for path, src := range vmlinuxes(t) {
		comment, _ := src.Section(".comment")
		byClang := bytes.Contains(comment, []byte("clang"))
		for _, bare := range []bool{false, true} {
			info := New(src)
			if bare {
				info = New(sectionsOnly{src})
			}
			t.Run(fmt.Sprintf("%s/bare=%v", kernelName(path), bare), func(t *testing.T) {
				t.Parallel()
				for _, w := range want {
					v, err := info.Variable(w.name)
					if (bare || byClang) && (w.name == "phys_base" || w.name == "jiffies") {
						continue // the address is in the symbol table only; clang does not even declare them
					}
					if err != nil {
						t.Error(err)
						continue
					}
					if got := strings.Replace(Spell(v.Type), "long unsigned int", "unsigned long", 1); !strings.HasPrefix(got, w.spelling) {
						t.Errorf("%s (%s): type %q, want %q", w.name, w.why, got, w.spelling)
					}
					if v.Addr == 0 {
						t.Errorf("%s (%s): no address", w.name, w.why)
					}
				}
			})
		}
	}
}

// sectionsOnly hides the symbol table.
type sectionsOnly struct{ src Source }

func (s sectionsOnly) Section(name string) ([]byte, error) { return s.src.Section(name) }

func BenchmarkVariable(b *testing.B) {
	for path, src := range vmlinuxes(b) {
		for _, name := range []string{"init_task", "prb", "runqueues", "phys_base", "no_such_variable", "page", "ret", "flags"} {
			b.Run(name+path, func(b *testing.B) {
				for b.Loop() {
					New(src).Variables(name)
				}
			})
		}
	}
}

func TestRealParametersAreInTheRegistersOfTheCallingConvention(t *testing.T) {
	regs := new(cfi.Regs)
	for n, r := range []cfi.Reg{cfi.RDI, cfi.RSI, cfi.RDX, cfi.RCX} {
		regs.Set(r, uint64(100+n))
	}
	for path, src := range vmlinuxes(t) {
		info := New(src)
		f, err := info.Function("vfs_write")
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		scopes, err := info.Scopes(f.Addr)
		if err != nil || len(scopes) != 1 || scopes[0].Func != "vfs_write" {
			t.Errorf("%s: %+v, %v", path, scopes, err)
			continue
		}
		want := []string{"struct file *file", "const char *buf", "size_t count", "loff_t *pos"}
		for n, w := range want {
			v := scopes[0].Vars[n]
			p, err := v.Locate(&Frame{Regs: regs})
			if got := Declare(v.Type, v.Name); got != w || !v.Param || err != nil || len(p.Bytes) == 0 || p.Bytes[0] != byte(100+n) {
				t.Errorf("%s: parameter %d is %s at %+v, %v", path, n, got, p, err)
			}
		}
	}
}

func TestRealModulesHaveTypesAndVariables(t *testing.T) {
	path := os.Getenv("KTRAP_TEST_MODULE")
	if path == "" {
		t.Skip("KTRAP_TEST_MODULE is not set: NOT TESTED against a real module with DWARF")
	}
	info := New(openELF(t, path))
	v, err := info.Variable("__this_module")
	if err != nil || Spell(v.Type) != "struct module" || v.Addr < elffile.RelBase {
		t.Errorf("__this_module is %+v, %v", v, err)
	}
	if l, err := info.Layout("module"); err != nil || !l.Has("name") {
		t.Errorf("struct module: %v", err)
	}
}

func BenchmarkFunction(b *testing.B) {
	for path, src := range vmlinuxes(b) {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				if _, err := New(src).Function("panic"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
