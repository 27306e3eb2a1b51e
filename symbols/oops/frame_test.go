package oops

import (
	"slices"
	"testing"
)

func TestParseFrameReadsEveryForm(t *testing.T) {
	const id = "bf9aad3e150938694498a317ce4f3b548437287f"
	for _, c := range []struct {
		line string
		want Frame
	}{
		{" c_null+0x9/0x20 [crashme]", Frame{Func: "c_null", Off: 9, Size: 0x20, Module: "crashme", Reliable: true}},
		{" ? c_null+0x9/0x20 [crashme " + id + "]", Frame{Func: "c_null", Off: 9, Size: 0x20, Module: "crashme", BuildID: id}},
		{" el1_interrupt+0x34/0x68 (P)", Frame{Func: "el1_interrupt", Off: 0x34, Size: 0x68, Reliable: true}},
		{" [<ffffffff81ca45ed>] dump_stack+0xc1/0x124", Frame{Func: "dump_stack", Off: 0xc1, Size: 0x124, Addr: 0xffffffff81ca45ed, Reliable: true}},
		{" [<ffffffff81ca45ed>] ? dump_stack+0xc1/0x124", Frame{Func: "dump_stack", Off: 0xc1, Size: 0x124, Addr: 0xffffffff81ca45ed}},
		{" [<     inline     >] __dump_stack lib/dump_stack.c:15", Frame{Func: "__dump_stack", File: "lib/dump_stack.c", Line: 15, Inlined: true, Reliable: true}},
		{" vfs_read+0x12/0x34 fs/read_write.c:12", Frame{Func: "vfs_read", Off: 0x12, Size: 0x34, File: "fs/read_write.c", Line: 12, Reliable: true}},
		{" do_read fs/read_write.c:12 [inline]", Frame{Func: "do_read", File: "fs/read_write.c", Line: 12, Inlined: true, Reliable: true}},
		{" do_read (fs/read_write.c:12)", Frame{Func: "do_read", File: "fs/read_write.c", Line: 12, Reliable: true}},
		{" ? do_read (fs/read_write.c:12 (discriminator 2) include/linux/fs.h:3) crashme", Frame{Func: "do_read", File: "fs/read_write.c", Line: 12, Module: "crashme"}},
		{" 0xffffffff810abcde", Frame{Addr: 0xffffffff810abcde, Reliable: true}},
		{" _RNvMs_NtCs5QSdWC790r4_6kernel4sync+0x1c/0x40", Frame{Func: "_RNvMs_NtCs5QSdWC790r4_6kernel4sync", Off: 0x1c, Size: 0x40, Reliable: true}},
		{" f.constprop.0.cold+0x1/0x2", Frame{Func: "f.constprop.0.cold", Off: 1, Size: 2, Reliable: true}},
	} {
		c.want.Raw = c.line
		if f, ok := parseFrame(c.line); !ok || f != c.want {
			t.Errorf("parseFrame(%q)\nhave %+v, %v\nwant %+v", c.line, f, ok, c.want)
		}
	}
}

func TestParseFrameRefusesOtherLines(t *testing.T) {
	for _, line := range []string{
		"", " ", "usb (1-1): x", "x (y.c:1", "Modules linked in: crashme(OE)", "WARNING: CPU: 0 PID: 1 at lib/refcount.c:25 f+0x1/0x2", "executing program",
		" #0: ffff8880 (mtx_a){+.+.}-{3:3}, at: f+0x1/0x2", "hardirqs last  enabled at (127): [<ffffffff968caad7>] f+0x67/0x80", "0x10", "---[ end trace ]---",
	} {
		if f, ok := parseFrame(line); ok {
			t.Errorf("parseFrame(%q) = %+v, want no frame", line, f)
		}
	}
}

func TestParseFromRefusesSentences(t *testing.T) {
	for _, line := range []string{
		"Sending NMI from CPU 0 to CPUs 1:", "usb 1-1: reset from port 2", "x from y", "packet from eth0+0x1/0x2 of x",
	} {
		if callee, caller, ok := parseFrom(line); ok {
			t.Errorf("parseFrom(%q) = %s from %s, want no frames", line, callee.Func, caller.Func)
		}
	}
}

func TestParseIPTellsKernelFromUser(t *testing.T) {
	for _, c := range []struct {
		line, function string
		addr           uint64
		user           bool
	}{
		{"RIP: 0010:c_null+0x9/0x20 [crashme]", "c_null", 0, false},
		{"RIP: 0010:[<ffffffff82d4e304>]  [<ffffffff82d4e304>] __memset+0x24/0x30", "__memset", 0xffffffff82d4e304, false},
		{"RIP: e030:xen_f+0x9/0x20", "xen_f", 0, false},
		{"RIP: 0033:0x7f56a8c90369", "", 0x7f56a8c90369, true},
		{"RIP: 0010:0x0", "", 0, false},
		{"RIP: 0010:c_null (crashme.c:12) crashme", "c_null", 0, false},
		{"pc : mark_lock+0x4/0x1b4", "mark_lock", 0, false},
		{"pc : [<802b4048>]    lr : [<802e1324>]    psr: 60000193", "", 0x802b4048, false},
		{"PC is at f+0x4c/0x78", "f", 0, false},
		{"IP: map_create kernel/bpf/syscall.c:326 [inline]", "map_create", 0, false},
	} {
		f, user, ok := parseIP(c.line)
		if !ok || !f.Exact || f.Func != c.function || f.Addr != c.addr || user != c.user {
			t.Errorf("parseIP(%q) = %+v, user %v, %v", c.line, f, user, ok)
		}
	}
}

func TestParseRegsReadsValuesAndStopsAtText(t *testing.T) {
	for _, c := range []struct {
		line string
		want []Register
	}{
		{"RSP: 0018:ffff880183f5f9f8 EFLAGS: 00000293 ORIG_RAX: ffffffffffffff13", []Register{{"rsp", 0xffff880183f5f9f8}, {"eflags", 0x293}, {"orig_rax", 0xffffffffffffff13}}},
		{"FS:  000000000217c940(0000) GS:ffff8801daf00000(0000) knlGS:0000000000000000", []Register{{"fs", 0x217c940}, {"gs", 0xffff8801daf00000}, {"knlgs", 0}}},
		{"x29: ffff800015fe00b0 x9 : 0000000000000000", []Register{{"x29", 0xffff800015fe00b0}, {"x9", 0}}},
		{"CR2: 0000000000000010", []Register{{"cr2", 0x10}}},
		{"Code: 48 83 c4", nil},
		{"page: refcount:0", nil},
	} {
		if have := parseRegs(c.line); !slices.Equal(have, c.want) {
			t.Errorf("parseRegs(%q) = %v, want %v", c.line, have, c.want)
		}
	}
}

func TestLineFrameSeesStackAndInstructionPointerLinesOnly(t *testing.T) {
	for raw, want := range map[string]string{
		"[    1.000000][  T113]  <IRQ>  f+0x1/0x2\r\n":                  "f",
		"<4>[    1.000000] RIP: 0010:g+0x1/0x2 [m]\n":                   "g",
		"[<80c1eb20>] (schedule) from [<80c2287c>] (caller+0xac/0x1e8)": "caller",
		"[    1.000000] CPU: 0 PID: 1 Comm: sh\n":                       "",
		"[    1.000000] RAX: 0000000000000001\n":                        "",
	} {
		if f, ok := newLine(0, []byte(raw)).Frame(); f.Func != want || ok != (want != "") {
			t.Errorf("frame of %q is %q, %v; want %q", raw, f.Func, ok, want)
		}
	}
}
