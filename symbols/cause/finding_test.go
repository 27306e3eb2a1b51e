package cause

import (
	"strings"
	"testing"

	"ktrap/symbols/oops"
)

func TestReportsOfKASANAreSentences(t *testing.T) {
	const (
		object = "The buggy address belongs to the object at ffff8881058e4400\n which belongs to the cache kmalloc-64 of size 64\n"
		freed  = "Freed by task 23:\n save_stack_trace+0x1a/0x20\n kasan_slab_free+0x12e/0x180\n kfree+0xf8/0x160\n drop_it+0x1b/0x20\n work+0x1/0x2\n\n"
		made   = "Allocated by task 23:\n kasan_save_stack+0x1a/0x20\n __kmalloc+0x12e/0x180\n make_it+0x1b/0x20\n\n"
	)
	tests := []struct{ name, head, rest, want string }{
		{"freed object", "slab-use-after-free in f+0x1/0x2\nRead of size 8 at addr ffff8881058e4410 by task sh/1\n",
			made + freed + object + "The buggy address is located 16 bytes inside of\n freed 64-byte region [ffff8881058e4400, ffff8881058e4440)\n",
			"read of 8 bytes at 0xffff8881058e4410: 16 bytes inside a freed kmalloc-64 object, freed in drop_it"},
		{"beginning of a freed object, up to 6.3", "use-after-free in f+0x1/0x2\nWrite of size 1 at addr ffff8881058e4400 by task sh/1\n",
			freed + object + "The buggy address is located 0 bytes inside of\n 64-byte region [ffff8881058e4400, ffff8881058e4440)\n",
			"write of 1 byte at 0xffff8881058e4400: the beginning of a freed kmalloc-64 object, freed in drop_it"},
		{"freed long ago", "use-after-free in f+0x1/0x2\nRead of size 8 at addr ffff8881058e4410 by task sh/1\n",
			object + "The buggy address is located 16 bytes inside of\n 64-byte region [ffff8881058e4400, ffff8881058e4440)\n",
			"read of 8 bytes at 0xffff8881058e4410: 16 bytes inside a freed kmalloc-64 object"},
		{"behind an object", "slab-out-of-bounds in f+0x1/0x2\nWrite of size 4 at addr ffff8881058e4444 by task sh/1\n",
			made + object + "The buggy address is located 4 bytes to the right of\n allocated 60-byte region [ffff8881058e4400, ffff8881058e443c)\n",
			"write of 4 bytes at 0xffff8881058e4444: 4 bytes behind a kmalloc-64 object of 60 bytes, allocated in make_it"},
		{"just behind an object", "slab-out-of-bounds in f+0x1/0x2\nWrite of size 4 at addr ffff8881058e4440 by task sh/1\n",
			made + object + "The buggy address is located 0 bytes to the right of\n 64-byte region [ffff8881058e4400, ffff8881058e4440)\n",
			"write of 4 bytes at 0xffff8881058e4440: just behind a kmalloc-64 object of 64 bytes, allocated in make_it"},
		{"before an object", "slab-out-of-bounds in f+0x1/0x2\nRead of size 4 at addr ffff8881058e43f0 by task sh/1\n",
			made + object + "The buggy address is located 16 bytes to the left of\n 64-byte region [ffff8881058e4400, ffff8881058e4440)\n",
			"read of 4 bytes at 0xffff8881058e43f0: 16 bytes before a kmalloc-64 object of 64 bytes, allocated in make_it"},
		{"red zone inside of a cache's object, up to 6.3", "slab-out-of-bounds in f+0x1/0x2\nRead of size 4 at addr ffff8881058e4438 by task sh/1\n",
			made + freed + object + "The buggy address is located 56 bytes inside of\n 64-byte region [ffff8881058e4400, ffff8881058e4440)\n",
			"read of 4 bytes at 0xffff8881058e4438: 56 bytes inside a kmalloc-64 object, behind what was asked for, allocated in make_it"},
		{"double free", "double-free in f+0x1/0x2\nFree of addr ffff8881058e4400 by task sh/1\n",
			made + freed + object + "The buggy address is located 0 bytes inside of\n 64-byte region [ffff8881058e4400, ffff8881058e4440)\n",
			"free at 0xffff8881058e4400: the kmalloc-64 object is free already, freed in drop_it"},
		{"double free, up to 6.0", "double-free or invalid-free in f+0x1/0x2\n",
			made + freed + object + "The buggy address is located 0 bytes inside of\n 64-byte region [ffff8881058e4400, ffff8881058e4440)\n",
			"free: the kmalloc-64 object is free already, freed in drop_it"},
		{"free of the middle", "invalid-free in f+0x1/0x2\nFree of addr ffff8881058e4408 by task sh/1\n",
			made + object + "The buggy address is located 8 bytes inside of\n allocated 64-byte region [ffff8881058e4400, ffff8881058e4440)\n",
			"free at 0xffff8881058e4408: 8 bytes inside a kmalloc-64 object, allocated in make_it"},
		{"variable on the stack", "stack-out-of-bounds in f+0x1/0x2\nRead of size 1 at addr ffffc90000587cee by task sh/1\n",
			"The buggy address belongs to stack of task sh/1\n and is located at offset 46 in frame:\n c_oobstack+0x0/0xb0\n\nThis frame has 2 objects:\n [32, 42) 'a'\n [64, 72) 'b'\n",
			"read of 1 byte at 0xffffc90000587cee: 4 bytes behind the local variable a of c_oobstack"},
		{"global variable", "global-out-of-bounds in f+0x1/0x2\nRead of size 4 at addr ffffffffc0005f54 by task sh/1\n",
			"The buggy address belongs to the variable:\n arr.0+0x14/0xffffffffffffd0c0 [crashme]\n",
			"read of 4 bytes at 0xffffffffc0005f54: in or behind the variable arr.0"},
		{"mapping of vmalloc", "vmalloc-out-of-bounds in f+0x1/0x2\nWrite of size 1 at addr ffffc900005b1000 by task sh/1\n",
			"The buggy address belongs to the virtual mapping at\n [ffffc900005b0000, ffffc900005b2000) created by:\n c_vmallocguard+0x1e/0x40\n",
			"write of 1 byte at 0xffffc900005b1000: vmalloc-out-of-bounds, in a mapping of vmalloc"},
		{"null pointer", "null-ptr-deref in f+0x1/0x2\nRead of size 4 at addr 0000000000000010 by task sh/1\n", "",
			"read of 4 bytes at 0x10: null pointer plus 0x10"},
		{"pointer of a user", "user-memory-access in f+0x1/0x2\nRead of size 4 at addr 00007f0012345000 by task sh/1\n", "",
			"read of 4 bytes at 0x7f0012345000: user-space address"},
		{"tagged pointer", "invalid-access in f+0x1/0x2\nRead at addr f5ff000017f2e000 by task sh/1\n", "",
			"read at 0xf5ff000017f2e000: invalid-access"},
		{"nothing but the head", "use-after-free in f+0x1/0x2\n", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := "==================================================================\nBUG: KASAN: " + tt.head +
				"CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0 #1\nCall Trace:\n <TASK>\n f+0x1/0x2\n g+0x1/0x2\n </TASK>\n\n" + tt.rest
			found := oops.Parse([]byte(text))
			if len(found) != 1 {
				t.Fatalf("%d crashes", len(found))
			}
			c, ok := FromWords(&found[0], nil)
			if c.Text != tt.want || ok != (tt.want != "") {
				t.Errorf("have %q, %v\nwant %q", c.Text, ok, tt.want)
			}
		})
	}
}

func TestWhoFreedIsFoundBehindInlinedAllocators(t *testing.T) {
	text := "BUG: KASAN: slab-use-after-free in f+0x1/0x2\nRead of size 8 at addr ffff8881058e4410 by task sh/1\n" +
		"CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0 #1\nCall Trace:\n f+0x1/0x2\n\n" +
		"Freed by task 23:\n kasan_save_stack+0x1a/0x20\n outer+0x1b/0x20\n\n"
	found := oops.Parse([]byte(text))
	if len(found) != 1 {
		t.Fatalf("%d crashes", len(found))
	}
	place := &Place{Levels: func(f *oops.Frame) []oops.Frame {
		if f.Func != "outer" {
			return nil
		}
		return []oops.Frame{{Func: "kfree", File: "slab.h", Line: 1}, {Func: "drop_it", File: "it.c", Line: 7}, {Func: "outer", File: "it.c", Line: 20}}
	}}
	c, _ := FromWords(&found[0], place)
	if !strings.HasSuffix(c.Text, ", freed in drop_it at it.c:7") {
		t.Errorf("have %q", c.Text)
	}
}

func TestReportsOfUBSANAreSentences(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"index", "UBSAN: array-index-out-of-bounds in mm/x.c:618:12\nindex 5 is out of range for type 'int [4]'\n", "index 5 is out of range for type 'int [4]', at mm/x.c:618:12"},
		{"shift", "UBSAN: shift-out-of-bounds in mm/x.c:617:11\nshift exponent 40 is too large for 32-bit type 'int'\n", "shift exponent 40 is too large for 32-bit type 'int', at mm/x.c:617:11"},
		{"overflow", "UBSAN: signed-integer-overflow in kernel/x.c:310:16\nsigned integer overflow:\n9223372036854775807 + 1 cannot be represented in type 'long int'\n",
			"signed integer overflow: 9223372036854775807 + 1 cannot be represented in type 'long int', at kernel/x.c:310:16"},
		{"cut", "UBSAN: shift-out-of-bounds in mm/x.c:617:11\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := oops.Parse([]byte(tt.text + "CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0 #1\nCall Trace:\n <TASK>\n f+0x1/0x2\n g+0x1/0x2\n </TASK>\n"))
			if len(found) != 1 {
				t.Fatalf("%d crashes", len(found))
			}
			if c, ok := FromOops(&found[0], nil); c.Text != tt.want || ok != (tt.want != "") {
				t.Errorf("have %q, %v\nwant %q", c.Text, ok, tt.want)
			}
		})
	}
}

func TestReportsOfKMSANAreSentences(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"memory", "Uninit was created at:\n __kmalloc_node_track_caller+0xe0c/0x1510\n __alloc_skb+0x545/0xf90\n ppp_write+0x11d/0x5e0\n do_iter_write+0xb0c/0x1500\n",
			"use of memory that was never written, allocated in ppp_write"},
		{"memory of nobody knows whom", "Uninit was created at:\n(stack is not available)\n", "use of memory that was never written"},
		{"local variable", "Local variable v created at:\n take+0x11d/0x5e0\n do_iter_write+0xb0c/0x1500\n", "use of the local variable v of take, which was never written"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := oops.Parse([]byte("=====================================================\nBUG: KMSAN: uninit-value in f+0x28d/0x27c0\n f+0x28d/0x27c0\n g+0x23e/0x4b0\n\n" + tt.text +
				"\nCPU: 1 PID: 3479 Comm: sh Not tainted 6.1.0 #1\n=====================================================\n"))
			if len(found) != 1 {
				t.Fatalf("%d crashes", len(found))
			}
			if c, ok := FromOops(&found[0], nil); c.Text != tt.want || !ok {
				t.Errorf("have %q, %v\nwant %q", c.Text, ok, tt.want)
			}
		})
	}
}
