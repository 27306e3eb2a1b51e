package symbols

import (
	"errors"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/symtest"
)

// procKallsyms is what the guest of kernelImage with moduleImage loaded shows.
const procKallsyms = `0000000000000000 A fixed_percpu_data
ffffffff9aa00000 T first
ffffffff9aa00000 T _text
ffffffff9aa00020 t second
ffffffff9aa00040 t label
ffffffff9aa00080 t second
ffffffff9aa00100 T _etext
ffffffff9aa01000 D data
ffffffffc0400010 t mod_write	[mod]
ffffffffc0400040 t mod_read	[mod]
ffffffffc0400100 t mod_write.cold	[mod]
ffffffffc0410008 d mod_state	[mod]
`

func readTable(t *testing.T, text string) *Kallsyms {
	t.Helper()
	k, err := ReadKallsyms(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKallsymsTellsSlideAndPlacesOfModules(t *testing.T) {
	k := readTable(t, procKallsyms)
	e := kernelImage()
	e.Symbols = append(e.Symbols, symtest.Symbol{Name: "_text", Section: 1, Value: textBase}, symtest.Symbol{Name: "_etext", Section: 1, Value: textBase + 0x100})
	if got, err := k.Slide(imageOf(t, e)); got != slide || err != nil {
		t.Errorf("slide %v, %v", got, err)
	}
	e.Symbols[len(e.Symbols)-1].Value += 0x10
	if got, err := k.Slide(imageOf(t, e)); err == nil {
		t.Errorf("another kernel's code was given the slide %v", got)
	}
	at, err := PlaceBySymbols(imageOf(t, moduleImage()), k.Loaded()[0].Syms)
	if err != nil || at[".text"] != modBase || at[".text.unlikely"] != modBase+0x100 || at[".data"] != modData {
		t.Errorf("%v, %v", at, err)
	}
}

func TestAModuleThatIsBuiltDifferentlyIsRefused(t *testing.T) {
	k := readTable(t, strings.Replace(procKallsyms, "c0400040 t mod_read", "c0400050 t mod_read", 1))
	if at, err := PlaceBySymbols(imageOf(t, moduleImage()), k.Loaded()[0].Syms); !errors.Is(err, ErrMismatch) {
		t.Errorf("%v, %v", at, err)
	}
}

func TestKallsymsAloneNamesCode(t *testing.T) {
	kernel, err := NewOffline(nil, &OfflineOptions{Kallsyms: readTable(t, procKallsyms)})
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	for text, want := range map[string]string{
		"0xffffffff9aa00010": "first+0x10/0x20",
		"ffffffffc0400018":   "mod_write+0x8/0x30 [mod]",
		"second+0x8/0x20":    "second+0x8/0x20",
	} {
		a := kernel.Ask(text)
		if len(a.Spots) == 0 {
			t.Errorf("%s: %+v", text, a)
			continue
		}
		if got := a.Spots[0].Func.String(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if a := kernel.Ask("0xffffffff9aa00010"); a.Spots[0].Reason != NoDebugInfo {
		t.Errorf("%v", a.Spots[0].Reason)
	}
}

func TestWhatIsNoKallsymsIsNamed(t *testing.T) {
	if k, err := ReadKallsyms(strings.NewReader("0000000000000000 T _text\n0000000000000000 t f\n")); k != nil || !strings.Contains(err.Error(), "kptr_restrict") {
		t.Errorf("hidden addresses: %v", err)
	}
	for _, text := range []string{"", "hello\n", "xyz T name\n", "ffffffff81000000 TT name\n"} {
		if k, err := ReadKallsyms(strings.NewReader(text)); k != nil || !errors.Is(err, ErrNoKallsyms) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzReadKallsyms(f *testing.F) {
	f.Add([]byte(procKallsyms))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ReadKallsyms(strings.NewReader(string(text)))
		if (err == nil) != (k != nil) {
			t.Fatalf("%v with error %v", k, err)
		}
		if k != nil {
			kernel, err := NewOffline(nil, &OfflineOptions{Kallsyms: k})
			if err != nil {
				t.Fatal(err)
			}
			kernel.Ask("0xffffffff9aa00010")
			kernel.Symbolizer().Func(addr.Addr(1))
		}
	})
}
