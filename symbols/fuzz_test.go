package symbols

import "testing"

// FuzzImage asks a damaged image everything, as in the test of damaged images.
func FuzzImage(f *testing.F) {
	f.Add(kernelImage().Bytes())
	f.Fuzz(func(t *testing.T, data []byte) { ask(t, "vmlinux", data) })
}
