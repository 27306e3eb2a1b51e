package session

import (
	"testing"

	"ktrap/symbols/addr"
)

// Not run under KVM here: the texts are those of QEMU 7.2's monitor and stub.

func TestKVMIsRecognisedByTheMonitorsAnswer(t *testing.T) {
	for said, want := range map[string]bool{
		"kvm support: enabled\r\n":      true,
		"kvm support: disabled\r\n":     false,
		"kvm support: not compiled\r\n": false,
		"unknown command: 'info kvm'":   false,
		"":                              false,
	} {
		if got := kvmEnabled(said); got != want {
			t.Errorf("%q: %v, want %v", said, got, want)
		}
	}
}

func TestOwnInt3sAreHiddenInMemoryReplies(t *testing.T) {
	const at = addr.Addr(0xffffffff81000010)
	k := kvm{on: true, text: map[addr.Addr]byte{}}
	k.hide(at, 0xf3)
	k.hide(at, int3)      // our own, read back: it hides what it hid before
	k.hide(at+5, int3)    // the guest's own
	k.hide(at+0x20, 0x55) // outside of what is read
	for name, c := range map[string]struct{ request, reply, want string }{
		"in the middle":        {"mffffffff8100000e,4", "9090cc0f", "9090f30f"},
		"first byte":           {"mffffffff81000010,1", "cc", "f3"},
		"the guest's int3":     {"mffffffff81000014,2", "00cc", "00cc"},
		"patched by the guest": {"mffffffff81000010,2", "e812", "e812"},
		"elsewhere":            {"mffffffff81000000,2", "cccc", "cccc"},
		"an error":             {"mffffffff81000010,1", "E14", "E14"},
		"registers":            {"g", "cccc", "cccc"},
		"no address":           {"m", "cc", "cc"},
	} {
		if got := string(k.showReply([]byte(c.request), []byte(c.reply))); got != c.want {
			t.Errorf("%s: %s -> %s, want %s", name, c.reply, got, c.want)
		}
	}
}
