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

func TestOwnInt3sAreHiddenInMemory(t *testing.T) {
	const at = addr.Addr(0xffffffff81000010)
	var h hiddenText
	h.hide(at, 0xf3)
	h.hide(at, int3)      // our own, read back: it hides what it hid before
	h.hide(at+5, int3)    // the guest's own
	h.hide(at+0x20, 0x55) // outside of what is read
	h.hide(at+0x40, 0x55)
	h.gone(at + 0x40)
	for name, c := range map[string]struct {
		at         addr.Addr
		read, want string
	}{
		"in the middle":        {at - 2, "\x90\x90\xcc\x0f", "\x90\x90\xf3\x0f"},
		"first byte":           {at, "\xcc", "\xf3"},
		"the guest's int3":     {at + 4, "\x00\xcc", "\x00\xcc"},
		"patched by the guest": {at, "\xe8\x12", "\xe8\x12"},
		"elsewhere":            {at - 16, "\xcc\xcc", "\xcc\xcc"},
		"taken out":            {at + 0x40, "\xcc", "\xcc"},
	} {
		p := []byte(c.read)
		if h.show(p, c.at); string(p) != c.want {
			t.Errorf("%s: %x -> %x, want %x", name, c.read, p, c.want)
		}
	}
}
