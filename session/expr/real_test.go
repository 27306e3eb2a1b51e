package expr

import (
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
	"ktrap/symbols/types"
)

// image reads a kernel's initialised data from its file.
type image struct{ f *elffile.File }

func (m image) ReadMemory(p []byte, a addr.Addr) error {
	s, ok := m.f.SectionAt(uint64(a))
	if !ok || uint64(a)-s.Addr+uint64(len(p)) > s.Size {
		return errors.New("not in the file")
	}
	if s.Type == elf.SHT_NOBITS {
		clear(p)
		return nil
	}
	data, err := m.f.Section(s.Name)
	if err == nil {
		copy(p, data[uint64(a)-s.Addr:])
	}
	return err
}

func TestRealKernelsPrintTheirInitialValues(t *testing.T) {
	list := os.Getenv("KTRAP_TEST_VMLINUX")
	if list == "" {
		t.Skip("KTRAP_TEST_VMLINUX is not set: NOT TESTED against a real kernel")
	}
	want := map[string]string{ // * stands for anything
		"init_task.comm":                        `"swapper*"`,
		"init_task.pid":                         "0",
		"init_task.parent == &init_task":        "1",
		"init_task.parent->comm":                `"swapper*"`,
		"&init_task":                            "(struct task_struct *) 0xffffffff*",
		"init_task.tasks.next":                  "(struct list_head *) 0xffffffff*",
		"*init_task.mm":                         "", // a null pointer: an error
		"init_task.active_mm->mm_users.counter": "2",
		"container_of(init_task.tasks.next, struct task_struct, tasks) == &init_task": "1",
		"sizeof(struct pt_regs)":    "168",
		"*linux_banner@13":          `"Linux version"`,
		"PIDTYPE_PGID":              "PIDTYPE_PGID",
		"(enum pid_type)1":          "PIDTYPE_TGID",
		"panic":                     "{void (const char *, ...)} 0xffffffff*",
		"modules":                   "{next = 0xffffffff*, prev = 0xffffffff*}",
		"prb->desc_ring.count_bits": "*",
		"((struct task_struct *)&init_task)->comm[0]": "115 's'",
		"offsetof(struct pt_regs, ip)":                "128",
	}
	for path := range strings.SplitSeq(list, string(os.PathListSeparator)) {
		f, err := elffile.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		info := types.New(f)
		run := func(a addr.LinkAddr) addr.Addr { return addr.Addr(a) }
		env := &Env{Memory: image{f}, Types: info, Scope: Globals{Info: info, Run: run}}
		for src, pattern := range want {
			v, err := env.Eval(src)
			if err != nil {
				if pattern != "" {
					t.Errorf("%s: %s: %v", path, src, err)
				}
				continue
			}
			got := v.String()
			if ok, _ := filepath.Match(pattern, got); !ok && pattern != "" {
				t.Errorf("%s: %s is %s, want %s", path, src, got, pattern)
			}
		}
		whole, err := env.Eval("init_task")
		if err != nil {
			t.Fatal(err)
		}
		if text := whole.Format(&FormatOptions{Pretty: true}); !strings.Contains(text, "  comm = \"swapper") {
			t.Errorf("%s: init_task prints as %.500s", path, text)
		}
		f.Close()
	}
}
