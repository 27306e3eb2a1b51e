package decode

import (
	"strings"
	"testing"
)

func TestTheHostsNameIsLearntFromEveryLogThatHasIt(t *testing.T) {
	for _, line := range []string{
		"Nov 22 20:30:34 secret kernel: x",
		"Nov 22 20:30:34.123456 secret kernel: x",
		"Nov 22 20:30:34 secret kern.warn kernel: x",
		"Nov 22 20:30:34 secret sh[7]: x",
		"2026-11-22T20:30:34+0000 secret kernel: x",
		"2026-11-22T20:30:34+0000 secret sh[7]: x",
		"Sun 2026-11-22 20:30:34 UTC secret kernel: x",
		"1700000000.123456 secret kernel: x",
		"[    8.138776] secret kernel: x",
		"[    8.138776] secret sh[7]: x",
		"<4>1 2026-11-22T20:30:34.123456+00:00 secret kernel - - - x",
		"secret login: [    8.138776] x",
		"root@secret:~# x",
	} {
		if got := newRedactor().line([]byte(line)); strings.Contains(string(got), "secret") {
			t.Errorf("%s", got)
		}
	}
	for _, line := range []string{
		"2026-11-22T20:30:34,123456+00:00 usb 1-1: new usb device",
		"[    8.138776] usb 1-1: new usb device",
	} {
		if got := newRedactor().line([]byte(line)); string(got) != line {
			t.Errorf("have %s, want %s", got, line)
		}
	}
}

func TestWhatIsPrivateIsTakenOut(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"an address of the kernel", "RAX: ffff888001211580", "RAX: XXXXXXXXXXXXXXXX"},
		{"with 0x", "at 0xffffffff81000000 ", "at 0xXXXXXXXXXXXXXXXX "},
		{"an address of user space", "RSP: 002b:00007ffc21718ba8", "RSP: 002b:XXXXXXXXXXXXXXXX"},
		{"a null pointer tells what happened", "CR2: 0000000000000010", "CR2: 0000000000000010"},
		{"so does poison", "RBX: dead000000000100", "RBX: dead000000000100"},
		{"so does an error", "RAX: fffffffffffffff4", "RAX: fffffffffffffff4"},
		{"where the kernel is", "Kernel Offset: 0x19a00000 from 0xffffffff81000000", "Kernel Offset: 0xXXXXXXXX from 0xXXXXXXXXXXXXXXXX"},
		{"a frame", " vfs_write+0x1a4/0x840", " vfs_write+0x1a4/0x840"},
		{"a build-id", "6.12.117 #1  c8a8e194011bcb8fa38bc1204263970d4918ae54", "6.12.117 #1  c8a8e194011bcb8fa38bc1204263970d4918ae54"},
		{"a hardware address", "eth0: 52:54:00:12:34:56 up", "eth0: xx:xx:xx:xx:xx:xx up"},
		{"an internet address", "from 10.0.2.2:33826", "from x.x.x.x:33826"},
		{"a long one", "from fe80::5054:ff:fe12:3456", "from x:x::x"},
		{"a time is no address", "Nov 22 22:05:20 x", "Nov 22 22:05:20 x"},
		{"a version is none", "Linux version 6.1.0-56", "Linux version 6.1.0-56"},
		{"a login prompt", "secret login: root", "HOST login: root"},
		{"a shell prompt", "root@secret:~# ls", "root@HOST:~# ls"},
		{"syslog", "Nov 22 20:30:34 secret kernel: x", "Nov 22 20:30:34 HOST kernel: x"},
		{"part of a word stays", "secretary", "secretary"},
	}
	r := newRedactor()
	for _, tt := range tests {
		if got := string(r.line([]byte(tt.in))); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
