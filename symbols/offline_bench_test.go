package symbols

import (
	"testing"

	"ktrap/symbols/symtest"
)

// BenchmarkOneQuestion is all the work of a process that is asked one thing.
func BenchmarkOneQuestion(b *testing.B) {
	path := symtest.Vmlinux(b)
	for _, text := range []string{"0xffffffff8134d497", "vfs_write+0xc7", "nr_cpu_ids"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				im, err := Open(path, nil)
				if err != nil {
					b.Fatal(err)
				}
				kernel, err := NewOffline(im, &OfflineOptions{})
				if err != nil {
					b.Fatal(err)
				}
				if a := kernel.Ask(text); a.Reason != "" {
					b.Fatal(a.Reason)
				}
				kernel.Close()
			}
		})
	}
}
