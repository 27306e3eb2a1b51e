package types

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

// without hides sections.
type without struct {
	Source
	prefix string
}

func (w without) Section(name string) ([]byte, error) {
	if strings.HasPrefix(name, w.prefix) {
		return nil, errors.New("hidden")
	}
	return w.Source.Section(name)
}

// vmlinuxes opens every real kernel with DWARF there is to test with; that of
// the headers' package has none.
func vmlinuxes(t testing.TB) map[string]Source {
	t.Helper()
	out := make(map[string]Source)
	for _, path := range symtest.Vmlinuxes(t) {
		src := openELF(t, path)
		if _, err := src.Section(".debug_info"); err == nil {
			out[path] = src
		}
	}
	if len(out) == 0 {
		t.Skip("SKIPPED: no real kernel to test with has DWARF")
	}
	return out
}

// kernelName tells real kernels apart.
func kernelName(path string) string { return filepath.Base(filepath.Dir(path)) }

func openELF(t testing.TB, path string) Source {
	t.Helper()
	f, err := elffile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestRealLayoutsHaveTheFieldsSeenLive(t *testing.T) {
	want := []struct {
		name, field string
		off, size   int64
	}{
		{"printk_ringbuffer", "desc_ring", 0, 48},
		{"printk_ringbuffer", "text_data_ring", 48, 32},
		{"prb_desc_ring", "head_id", 24, 8},
		{"printk_info", "text_len", 16, 2},
		{"printk_info", "caller_id", 20, 4},
		{"pt_regs", "ip", 128, 8},
		{"pt_regs", "sp", 152, 8},
		{"thread_struct", "sp", 24, 8},
		{"task_struct", "comm[15]", -1, 1},
		{"task_struct", "thread.sp", -1, 8},
		{"inactive_task_frame", "ret_addr", 48, 8},
	}
	for path, src := range vmlinuxes(t) {
		info := New(src)
		for _, w := range want {
			l, err := info.Layout(w.name)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			f, ok := l.Field(w.field)
			if !ok || w.off >= 0 && f.Off != w.off || f.Size != w.size {
				t.Errorf("%s: %s.%s = %+v %v, want off %d size %d", path, w.name, w.field, f, ok, w.off, w.size)
			}
		}
	}
}

func BenchmarkLayoutTaskStruct(b *testing.B) {
	for path, src := range vmlinuxes(b) {
		b.Run(path, func(b *testing.B) {
			if _, err := New(src).Layout("task_struct"); err != nil {
				b.Skip(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := New(src).Layout("task_struct"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
