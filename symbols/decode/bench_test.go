package decode

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"
)

// plainLog is a boot log without a place in it.
func plainLog(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "[%5d.%06d] pci 0000:00:%02x.0: BAR 4: assigned [mem 0x800000000-0x800003fff 64bit pref]\n", i/1000, i%1000000, i%32)
		fmt.Fprintf(&b, "[%5d.%06d] systemd[1]: Started systemd-journald.service - Journal Service.\n", i/1000, i%1000000)
		fmt.Fprintf(&b, "[%5d.%06d] EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none.\n", i/1000, i%1000000)
	}
	return b.Bytes()
}

func BenchmarkPlainLines(b *testing.B) {
	log := plainLog(16 << 20)
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		a, err := NewAnnotator(io.Discard, &Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Run(bytes.NewReader(log)); err != nil {
			b.Fatal(err)
		}
		a.Close()
	}
}

// BenchmarkOops decodes the crashes of the guest logs of the KASAN kernel, symbol
// files freshly opened each time.
func BenchmarkOops(b *testing.B) {
	vmlinux, module := kasanKernel(b)
	log, err := os.ReadFile(guestLogs(b, "k612-gpf.log")[0])
	if err != nil {
		b.Fatal(err)
	}
	for _, layout := range []Layout{Own, Script, Syzbot} {
		b.Run(string(layout), func(b *testing.B) {
			for b.Loop() {
				decoded(b, guestOptions(vmlinux, module, layout), string(log))
			}
		})
	}
}
