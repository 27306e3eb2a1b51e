package lab

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

func TestLoadOrderPutsDependenciesFirst(t *testing.T) {
	mods := map[string]*module{
		"virtio_net":   {depends: []string{"virtio", "net_failover"}},
		"net_failover": {depends: []string{"failover"}},
		"failover":     {},
		"ring":         {depends: []string{"virtio"}}, // a cycle must not hang
		"looped":       {depends: []string{"looped", "ring"}},
	}
	order, missing := loadOrder(mods, []string{"virtio_net", "looped", "absent"}, map[string]bool{"virtio": true})
	if want := []string{"failover", "net_failover", "virtio_net", "ring", "looped"}; !slices.Equal(order, want) {
		t.Errorf("order is %q", order)
	}
	if !slices.Equal(missing, []string{"absent"}) {
		t.Errorf("missing is %q", missing)
	}
}

func TestModuleName(t *testing.T) {
	for file, want := range map[string]string{
		"kernel/drivers/char/hw_random/virtio-rng.ko.xz": "virtio_rng", "e1000.ko": "e1000",
	} {
		if got := moduleName(file); got != want || !isModule(file) {
			t.Errorf("%s is %q", file, got)
		}
	}
}

func TestParseBuiltin(t *testing.T) {
	got := parseBuiltin("kernel/net/unix/unix.ko\n\nkernel/drivers/char/hw_random/rng-core.ko\n")
	if len(got) != 2 || !got["unix"] || !got["rng_core"] {
		t.Errorf("got %v", got)
	}
}

// elfWithModinfo makes the smallest relocatable file with a .modinfo.
func elfWithModinfo(info string) []byte {
	const names = "\x00.modinfo\x00.shstrtab\x00"
	var b bytes.Buffer
	b.WriteString("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	le := binary.LittleEndian
	put := func(v ...any) {
		for _, x := range v {
			_ = binary.Write(&b, le, x)
		}
	}
	data := uint64(64)
	table := data + uint64(len(info)+len(names))
	put(uint16(1), uint16(62), uint32(1), uint64(0), uint64(0), table, uint32(0), uint16(64), uint16(0), uint16(0), uint16(64), uint16(3), uint16(2))
	b.WriteString(info + names)
	section := func(name, kind uint32, off, size uint64) {
		put(name, kind, uint64(0), uint64(0), off, size, uint32(0), uint32(0), uint64(1), uint64(0))
	}
	section(0, 0, 0, 0)
	section(1, 1, data, uint64(len(info)))
	section(10, 3, data+uint64(len(info)), uint64(len(names)))
	return b.Bytes()
}

func TestParseModuleReadsItsDependencies(t *testing.T) {
	m, err := parseModule("x", elfWithModinfo("license=GPL\x00depends=virtio-ring,failover\x00name=x\x00"))
	if err != nil || !slices.Equal(m.depends, []string{"virtio_ring", "failover"}) {
		t.Errorf("got %v, %v", m, err)
	}
	if m, err := parseModule("x", elfWithModinfo("depends=\x00")); err != nil || len(m.depends) != 0 {
		t.Errorf("no dependencies: %v, %v", m, err)
	}
}

// FuzzParseModule: no panic, and an error exactly when there is no module.
func FuzzParseModule(f *testing.F) {
	f.Add(elfWithModinfo("depends=a,b\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := parseModule("x", data); (m == nil) != (err != nil) {
			t.Errorf("%v with %v", m, err)
		}
	})
}

func TestParseImageRelease(t *testing.T) {
	head := make([]byte, 0x400)
	copy(head[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(head[0x20e:], 0x100)
	copy(head[0x300:], "6.12.117-x (who@where) #1\x00")
	if got, err := parseImageRelease(head); got != "6.12.117-x" || err != nil {
		t.Errorf("release is %q, %v", got, err)
	}
}

// FuzzParseImageRelease: no panic, and never a release that is no plain text.
func FuzzParseImageRelease(f *testing.F) {
	head := make([]byte, 0x220)
	copy(head[0x202:], "HdrS")
	head[0x20e] = 0x12
	f.Add(head)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseImageRelease(data)
		if err != nil && got != "" || strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q with %v", got, err)
		}
	})
}
