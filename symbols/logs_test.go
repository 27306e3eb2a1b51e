package symbols

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/symtest"
)

// printed matches a frame that the kernel itself printed and is sure of:
//
//	[   11.887482]  crashme_write.cold+0x22/0x39 [crashme]
var printed = regexp.MustCompile(`(?m)^\[ *[\d.]+\](?:\[ *[TC]\d+\])? (?:RIP: 0010:| +)([A-Za-z_][\w.]*\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[\w+\])?)\r?$`)

func TestFramesInRealLogsHaveTheSizesOfTheKernelThatPrintedThem(t *testing.T) {
	logs := symtest.Logs(t)
	for _, path := range symtest.Vmlinuxes(t) {
		im, err := Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer im.Close()
		t.Run(im.Release(), func(t *testing.T) {
			s := NewSymbolizer(im, 0, modulesFor(t, im))
			compared := 0
			for _, log := range logs {
				text, err := os.ReadFile(log)
				if err != nil {
					t.Fatal(err)
				}
				// "CPU: 0 PID: 112 Comm: sh Not tainted 6.1.0-56-cloud-amd64 #1"
				if !bytes.Contains(text, []byte(" "+im.Release()+" #")) {
					continue
				}
				for _, m := range printed.FindAllSubmatch(text, -1) {
					compared += compareFrame(t, s, filepath.Base(log), string(m[1]))
				}
			}
			t.Logf("%d frames compared", compared)
		})
	}
}

// compareFrame asks for the address that a frame would have and expects the
// same text back.
func compareFrame(t *testing.T, s *Symbolizer, log, frame string) int {
	var off uint64
	name, rest, _ := strings.Cut(frame, "+")
	if _, err := fmt.Sscanf(rest, "0x%x", &off); err != nil {
		t.Fatalf("%s: %s: %v", log, frame, err)
	}
	if _, mod, ok := strings.Cut(frame, " ["); ok && !hasModule(s, strings.TrimSuffix(mod, "]")) {
		return 0 // not at hand
	}
	if strings.Contains(rest, "/0xffffffff") {
		return 0 // data of a module: depends on where the guest put it
	}
	var got []string
	for _, c := range s.Find(name) {
		f, _ := s.Func(c.Start + addr.Addr(off))
		if off == c.Size { // a return address after a call that does not return
			f = c
			f.Off = off
		}
		if got = append(got, f.String()); f.String() == frame {
			return 1
		}
	}
	t.Errorf("%s: the kernel printed %s, got %v", log, frame, got)
	return 1
}

func hasModule(s *Symbolizer, name string) bool {
	return slices.ContainsFunc(s.Modules(), func(m *Module) bool { return m.Name == name })
}

// modulesFor places the modules at hand that were built for a kernel, as the
// kernel does: code sections one after the other, then a page boundary.
func modulesFor(t *testing.T, vmlinux *Image) []*Module {
	var mods []*Module
	base := addr.Addr(0xffffffffc0400000)
	for _, path := range symtest.ModulesIfAny() {
		im, err := Open(path, &OpenOptions{Base: vmlinux})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { im.Close() })
		info, err := im.File().Section(".modinfo")
		if err != nil || !bytes.Contains(info, []byte("vermagic="+vmlinux.Release()+" ")) {
			continue
		}
		_, name, _ := bytes.Cut(append([]byte{0}, info...), []byte("\x00name="))
		name, _, _ = bytes.Cut(name, []byte{0})
		m := &Module{Name: string(name), Image: im, Sections: map[string]addr.Addr{}}
		end := base
		for _, sec := range im.File().Sections() {
			if sec.Exec() && sec.Flags&elf.SHF_WRITE == 0 && !strings.HasPrefix(sec.Name, ".init") {
				align := addr.Addr(max(sec.Align, 1))
				end = (end + align - 1) &^ (align - 1)
				m.Sections[sec.Name] = end
				end += addr.Addr(sec.Size)
			}
		}
		end = (end + 0xfff) &^ 0xfff
		m.Text = []Range{{base, end}}
		base = end + 0x10000
		mods = append(mods, m)
	}
	return mods
}
