package cause

import "testing"

func TestAreasAreThoseOfTheKernelsMap(t *testing.T) {
	moved := Areas{DirectMap: 0xffff888000000000, Vmalloc: 0xffffc90000000000, Vmemmap: 0xffffea0000000000}
	tests := []struct {
		name string
		a    Areas
		at   uint64
		la57 bool
		want string
	}{
		{"vmalloc", moved, 0xffffc90000123000, false, "in the vmalloc area"},
		{"end of vmalloc", moved, 0xffffe8ffffffffff, false, "in the vmalloc area"},
		{"behind vmalloc", moved, 0xffffe90000000000, false, ""},
		{"direct map", moved, 0xffff888000001000, false, "in the area of the direct map"},
		{"struct page", moved, 0xffffea0000000040, false, "in the array of struct page"},
		{"5 levels", Areas{DirectMap: 0xff11000000000000, Vmalloc: 0xffa0000000000000, Vmemmap: 0xffd4000000000000}, 0xffd1ffffffffffff, true, "in the vmalloc area"},
		{"below all", moved, 0xffff800000000000, false, ""},
		{"nothing known", Areas{}, 0xffffc90000123000, false, ""},
		{"module", Areas{}, 0xffffffffc0201000, false, "in the area of the kernel and its modules"},
		{"behind the modules", Areas{}, 0xffffffffff600000, false, ""},
		{"entry stacks", Areas{}, 0xfffffe0000002000, false, "in cpu_entry_area"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if have := tt.a.of(tt.at, tt.la57); have != tt.want {
				t.Errorf("have %q, want %q", have, tt.want)
			}
		})
	}
}
