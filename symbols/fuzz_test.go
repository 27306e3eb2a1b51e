package symbols

import (
	"bytes"
	"testing"
	"unicode"
)

// FuzzImage asks a damaged image everything, as in the test of damaged images.
func FuzzImage(f *testing.F) {
	f.Add(kernelImage().Bytes())
	f.Fuzz(func(t *testing.T, data []byte) { ask(t, "vmlinux", data) })
}

// FuzzModinfo reads the release that a module was made for out of damaged .modinfo
// sections: it stands there, can be printed and is no longer than releases are.
func FuzzModinfo(f *testing.F) {
	for _, seed := range []string{
		"license=GPL\x00vermagic=6.1.0-56-amd64 SMP preempt mod_unload modversions \x00name=ext4\x00",
		"vermagic=6.12", "vermagic=\x00vermagic=6.1 \x00", "xvermagic=6.1 \x00", "vermagic=\x1b[2J \x00", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, info []byte) {
		release := madeFor(info)
		if release == "" {
			return
		}
		if !bytes.Contains(info, []byte("vermagic="+release)) || len(release) > maxRelease {
			t.Fatalf("%q of %q", release, info)
		}
		for _, r := range release {
			if r == ' ' || !unicode.IsGraphic(r) {
				t.Fatalf("%q has %q", release, r)
			}
		}
	})
}
