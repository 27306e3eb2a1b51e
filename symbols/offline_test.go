package symbols

import (
	"strings"
	"testing"
)

// twoBuilds is a folder with a module, whose build-id is 0101.
func twoBuilds(t *testing.T) *Offline {
	t.Helper()
	e := moduleImage()
	e.BuildID = []byte{1, 1}
	dir := t.TempDir()
	writeFile(t, dir, "m.ko", string(e.Bytes()))
	f, err := NewOffline(imageOf(t, kernelImage()), &OfflineOptions{ModuleDirs: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func TestAModuleOfAnotherBuildIsRefusedInAnyOrder(t *testing.T) {
	const right, any, wrong = "mod_write+0x1 [m 0101]", "mod_write+0x1 [m]", "mod_write+0x1 [m 0202]"
	for _, order := range [][]string{{wrong, any, right, wrong}, {right, wrong, any}, {any, wrong, right}} {
		f := twoBuilds(t)
		for _, q := range order {
			a := f.Ask(q)
			if refused := len(a.Spots) == 0 && strings.Contains(a.Reason, "0101") && strings.Contains(a.Reason, "0202"); refused != (q == wrong) {
				t.Errorf("%q: %q: %d places, %q", order, q, len(a.Spots), a.Reason)
			}
			if q != wrong && len(a.Spots) != 1 {
				t.Errorf("%q: %q: %+v", order, q, a)
			}
		}
	}
}

func TestWhatDoesNotFitIsSaid(t *testing.T) {
	f := twoBuilds(t)
	for q, want := range map[string]string{
		"mod_write+0x31/0x30 [m]": "offset 0x31 does not fit: mod_write has size 0x30",
		"mod_write+0x1/0x230 [m]": "size 0x230 does not fit: mod_write has size 0x30",
	} {
		if a := f.Ask(q); !strings.Contains(a.Reason, want) {
			t.Errorf("%q: %q", q, a.Reason)
		}
	}
}
