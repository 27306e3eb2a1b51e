package oops

import (
	"bytes"
	"fmt"
	"testing"
)

// plainLog is console output without a crash, at least n bytes of it: what a
// kernel with and without caller ids says day by day.
func plainLog(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "[%5d.%06d] usb 1-1: new high-speed USB device number %d using xhci_hcd\r\n", i/10, i%1000000, i%128)
		fmt.Fprintf(&b, "[%5d.%06d][ T%d] EXT4-fs (sda1): mounted filesystem with ordered data mode. Opts: (null). Quota mode: none.\n", i/10, i%1000000, i%30000)
		fmt.Fprintf(&b, "<6>[%5d.%06d] audit: type=1400 audit(1700000000.%03d:%d): apparmor=\"STATUS\" operation=\"profile_load\" name=\"/usr/bin/man\" pid=%d\n", i/10, i%1000000, i%1000, i, i%30000)
		fmt.Fprintf(&b, "Nov 22 20:30:%02d debian kernel: [%5d.%06d] IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready\n", i%60, i/10, i%1000000)
		fmt.Fprintf(&b, "Nov 22 20:30:%02d debian systemd[1]: Started Session %d of User root.\n", i%60, i)
	}
	return b.Bytes()
}

func BenchmarkLinesThatAreNoCrash(b *testing.B) {
	log := plainLog(8 << 20)
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		for o, err := range Crashes(bytes.NewReader(log)) {
			b.Fatal(o.Title, err)
		}
	}
}
