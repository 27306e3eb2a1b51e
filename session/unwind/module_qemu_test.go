//go:build qemu

package unwind

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/elffile"
	"ktrap/symbols/orc"
	"ktrap/symbols/types"
)

// crash is a start-up that loads the module and makes it fail.
const crash = `rdinit=/bin/sh -- -c "mount -t proc p /proc; insmod /lib/modules/crashme.ko; echo null > /proc/crashme"`

// KTRAP_TEST_INITRD names an initramfs of the lab; KTRAP_TEST_MODULE is crashme.ko.
func TestWalkThroughAModuleByTheTablesInTheGuestIsTheKernelsOwnTrace(t *testing.T) {
	bzImage, vmlinux := kernelFiles(t)
	initrd, module := os.Getenv("KTRAP_TEST_INITRD"), os.Getenv("KTRAP_TEST_MODULE")
	if initrd == "" || module == "" {
		t.Skip("SKIPPED: KTRAP_TEST_INITRD and KTRAP_TEST_MODULE name no module to break")
	}
	im := openImage(t, vmlinux)
	g := boot(t, bzImage, "-initrd", initrd, "-append", cmdline+" "+crash)
	g.runTo(im.symbol(t, "do_init_module"))
	mod, _ := new(g.regs()).Get(cfi.RDI)
	g.runTo(im.symbol(t, "page_fault_oops"))
	area := moduleArea(t, im, g, addr.Addr(mod))
	syms := append(moduleSymbols(t, module, area.Low), im.syms...)

	u := im.unwinder()
	u.ORC = NewMap(area, Area{Low: im.text(t), High: area.Low, Table: im.orc})
	u.Text = func(a addr.Addr) bool { return im.isText(a) || a >= area.Low && a < area.High }
	rdi, _ := new(g.regs()).Get(cfi.RDI)
	saved, err := Saved(g, addr.Addr(rdi))
	if err != nil {
		t.Fatal(err)
	}
	frames := collect(t, im, u, saved, g)
	if len(frames) < 3 || !frames[len(frames)-1].User {
		t.Fatal("the walk does not end in user mode")
	}
	if pc := frames[0].PC; pc < area.Low || pc >= area.High {
		t.Fatalf("the fault at %v is not in the module", pc)
	}
	g.runTo(im.symbol(t, "oops_end"))
	// Before the oops there may be the report of a sanitizer.
	traces := printed(g.output())
	compareTrace(t, syms, frames[1:len(frames)-1], traces[len(traces)-1])
}

func (im *image) text(t *testing.T) addr.Addr { return im.data(t, "_stext") }

// moduleArea reads the ORC tables of a module from the guest.
func moduleArea(t *testing.T, im *image, g *guest, mod addr.Addr) Area {
	t.Helper()
	layout, err := types.New(im.file).Layout("module")
	if err != nil {
		t.Fatal(err)
	}
	read := func(paths ...string) uint64 {
		for _, p := range paths {
			f, ok := layout.Field(p)
			if !ok {
				continue
			}
			var b [8]byte
			if err := g.ReadMemory(b[:f.Size], mod+addr.Addr(f.Off)); err != nil {
				t.Fatal(err)
			}
			return binary.LittleEndian.Uint64(b[:])
		}
		t.Fatalf("struct module has none of %v", paths)
		return 0
	}
	n := read("arch.num_orcs")
	ipBase := read("arch.orc_unwind_ip")
	ip, entries := make([]byte, 4*n), make([]byte, 6*n)
	if err := g.ReadMemory(ip, addr.Addr(ipBase)); err != nil {
		t.Fatal(err)
	}
	if err := g.ReadMemory(entries, addr.Addr(read("arch.orc_unwind"))); err != nil {
		t.Fatal(err)
	}
	header, _ := im.file.Section(".orc_header")
	table, err := orc.New(ip, ipBase, entries, orc.VersionOf(header, os.Getenv("KTRAP_TEST_RELEASE")))
	if err != nil {
		t.Fatal(err)
	}
	base := addr.Addr(read("core_layout.base", "mem[0].base"))
	return Area{Low: base, High: base + addr.Addr(read("core_layout.text_size", "mem[0].size")), Table: table}
}

// moduleSymbols are the functions of a module. Its text sections lie one after
// the other, but for those of initialization.
func moduleSymbols(t *testing.T, path string, base addr.Addr) (syms symbolTable) {
	t.Helper()
	f, err := elffile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, sec := range f.Sections() {
		if !sec.Exec() || strings.HasPrefix(sec.Name, ".init") {
			continue
		}
		align := addr.Addr(max(sec.Align, 1))
		base = (base + align - 1) &^ (align - 1)
		for _, s := range all {
			if s.Value >= sec.Addr && s.Value < sec.Addr+sec.Size {
				syms = append(syms, symbol{s.Name, base + addr.Addr(s.Value-sec.Addr), s.Size})
			}
		}
		base += addr.Addr(sec.Size)
	}
	return syms
}
