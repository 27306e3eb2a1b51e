package vm

import "testing"

func TestStubAddr(t *testing.T) {
	tests := []struct{ name, filename, want string }{
		{"a port that QEMU chose", "disconnected:tcp:127.0.0.1:38191,server=on", "127.0.0.1:38191"},
		{"any address is dialled on loopback", "disconnected:tcp:0.0.0.0:1234,server=on", "127.0.0.1:1234"},
		{"IPv6 for -s", "disconnected:tcp:[::]:1234,server=on", "127.0.0.1:1234"},
		{"a unix socket", "disconnected:unix:/tmp/g.sock,server=on", "/tmp/g.sock"},
	}
	for _, test := range tests {
		devs := []chardev{{"#chr072", "gdb"}, {"gdb", test.filename}}
		if got := stubAddr(devs); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	if got := stubAddr([]chardev{{"serial0", "stdio"}}); got != "" {
		t.Errorf("no stub: %q", got)
	}
}

func TestSSHForward(t *testing.T) {
	const head = "Hub -1 (n0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n"
	tests := []struct{ name, line, want string }{
		{"loopback", "  TCP[HOST_FORWARD]   8       127.0.0.1 36691       10.0.2.15    22     0     0\r\n", "127.0.0.1:36691"},
		{"any address", "  TCP[HOST_FORWARD]   8               * 10022       10.0.2.15    22     0     0\r\n", "127.0.0.1:10022"},
		{"another service", "  TCP[HOST_FORWARD]   8       127.0.0.1 8080        10.0.2.15    80     0     0\r\n", ""},
		{"a connection that stands", "  TCP[ESTABLISHED]    9       127.0.0.1 36691       10.0.2.15    22     0     0\r\n", ""},
		{"none", "", ""},
	}
	for _, test := range tests {
		if got := sshForward(head + test.line); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
