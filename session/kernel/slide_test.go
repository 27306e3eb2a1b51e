package kernel

import (
	"errors"
	"strings"
	"testing"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

func TestTheSlideIsFoundInEveryWay(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(g *guest)
		how   string
	}{
		{"by the IDT", func(*guest) {}, "IDT"},
		{"by the IDT of a kernel before 5.8", func(g *guest) {
			g.img.syms["page_fault"], g.img.syms["divide_error"] = g.img.syms["asm_exc_page_fault"], g.img.syms["asm_exc_divide_error"]
			delete(g.img.syms, "asm_exc_page_fault")
			delete(g.img.syms, "asm_exc_divide_error")
		}, "IDT"},
		{"without symbols of handlers", func(g *guest) { delete(g.img.syms, "asm_exc_page_fault") }, "page tables"},
		{"before the IDT is mapped", func(g *guest) { delete(g.fakeMemory, idtBase) }, "page tables"},
		{"with an IDT of garbage", func(g *guest) { g.put64(idtBase+14*gateSize, ^uint64(0)) }, "page tables"},
		{"with something else mapped before the image", func(g *guest) {
			delete(g.fakeMemory, idtBase)
			g.put(0xffffffff80200000, []byte{1})
		}, "banner search"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest()
			g.boot(testSlide)
			tt.spoil(g)
			got, err := g.finder().find()
			want := found{slide: testSlide, how: tt.how, buildID: testID, banner: g.img.banner}
			if err != nil || got != want {
				t.Errorf("found %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestAnotherKernelIsRefusedWithBothBuildIDs(t *testing.T) {
	const other = "ffeeddccbbaa99887766554433221100ffeeddcc"
	tests := map[string]struct {
		spoil  func(g *guest)
		id     string
		banner string
	}{
		"another release": {func(g *guest) {
			g.put(testSlide.Run(g.img.syms["linux_banner"]), []byte("Linux version 6.2.0 (x) #9 SMP\n\x00"))
			g.put(testSlide.Run(g.img.notes), note(other))
		}, other, "Linux version 6.2.0 (x) #9 SMP"},
		"another build with the same banner": {func(g *guest) {
			g.put(testSlide.Run(g.img.notes), note(other))
		}, other, "Linux version 6.1.0 (me@host) (gcc (Debian) 12) #1 SMP Debian 6.1.1-1 (2026-01-01)"},
		"modules close behind": {func(g *guest) {
			clear(g.fakeMemory)
			g.put(0xffffffffbfe00000, []byte("Linux version 5.10.1 (y) #1 SMP\n"))
			g.put(0xffffffffc0000000, note("1111111111111111111111111111111111111111"))
		}, "unknown", "Linux version 5.10.1 (y) #1 SMP"},
		"two notes before the banner": {func(g *guest) {
			clear(g.fakeMemory)
			g.put(0xffffffff90000000, note("1111111111111111111111111111111111111111"))
			g.put(0xffffffff90000000+scanStep, note("2222222222222222222222222222222222222222"))
			g.put(0xffffffff90000000+3*scanStep, []byte("Linux version 5.10.1 (y) #1 SMP\n"))
		}, "unknown", "Linux version 5.10.1 (y) #1 SMP"},
		"a note of a program before the banner": {func(g *guest) {
			clear(g.fakeMemory)
			g.put(0xffffffff90000000, note("1111111111111111111111111111111111111111"))
			g.put(0xffffffff90000000+2*pageSize, []byte("Linux version 5.10.1 (y) #1 SMP\n"))
			g.put(0xffffffff90000000+3*scanStep, note(other))
			g.put(0xffffffff90000000+3*scanStep+pageSize, note("2222222222222222222222222222222222222222"))
		}, other, "Linux version 5.10.1 (y) #1 SMP"},
		"everything elsewhere": {func(g *guest) {
			clear(g.fakeMemory)
			g.put(0xffffffff90000000, []byte{0x90})
			g.put(0xffffffff90000000+100, []byte("Linux version 5.10.1 (y) # SMP\n"))
			g.put(0xffffffff90000000+scanStep-9, []byte("Linux version 5.10.1 (y) #1 SMP\n")) // across two reads
			g.put(0xffffffff90000000+2*scanStep-pageSize, []byte("\x7fELF"))
			g.put(0xffffffff90000000+2*scanStep-16, note("1111111111111111111111111111111111111111")) // of the vDSO
			g.put(0xffffffff90000000+3*scanStep+77, note(other))
		}, other, "Linux version 5.10.1 (y) #1 SMP"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGuest()
			g.boot(testSlide)
			tt.spoil(g)
			got, err := g.finder().find()
			if err != nil || got.mismatch == nil {
				t.Fatalf("found %+v, %v", got, err)
			}
			for _, want := range []string{testID, tt.id, tt.banner, "--force"} {
				if !strings.Contains(got.mismatch.Error(), want) {
					t.Errorf("%q does not say %q", got.mismatch, want)
				}
			}
		})
	}
}

func TestAMachineWithoutAKernelIsNotBooted(t *testing.T) {
	tests := map[string]func(g *guest){
		"nothing is mapped":             func(*guest) {},
		"the IDT of a firmware":         func(g *guest) { g.put(idtBase, make([]byte, pageSize)) },
		"something without a banner":    func(g *guest) { g.put(0xffffffff81000000, []byte("hello")) },
		"a format string like a banner": func(g *guest) { g.put(0xffffffff81000000, []byte("Linux version %s #%d\n")) },
	}
	for name, set := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGuest()
			set(g)
			if got, err := g.finder().find(); !errors.Is(err, ErrNotBooted) {
				t.Errorf("found %+v, %v", got, err)
			}
		})
	}
}

func TestABrokenConnectionIsNotTakenForAnUnbootedMachine(t *testing.T) {
	g := newGuest()
	broken := errors.New("connection closed")
	f := g.finder()
	f.mem = brokenMemory{broken}
	if _, err := f.find(); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	f = g.finder()
	f.mapped = func(addr.Addr) (bool, error) { return false, target.ErrNoPaging }
	if _, err := f.find(); !errors.Is(err, ErrNotBooted) {
		t.Errorf("without paging: %v", err)
	}
}

type brokenMemory struct{ err error }

func (m brokenMemory) ReadMemory([]byte, addr.Addr) error { return m.err }

func TestTheBannerIsTakenApart(t *testing.T) {
	k := &Kernel{Banner: newGuest().img.banner}
	k.describe()
	if k.Release != "6.1.0" || k.Version != "#1 SMP Debian 6.1.1-1 (2026-01-01)" {
		t.Errorf("release %q, version %q", k.Release, k.Version)
	}
	k = &Kernel{Banner: "garbage"}
	k.describe()
	if k.Release != "" || k.Version != "" {
		t.Errorf("of garbage: release %q, version %q", k.Release, k.Version)
	}
}

func TestPhysicalAddressesOfTheImageWrap(t *testing.T) {
	// As seen on a Debian guest: the load address is below the link address.
	if got := imagePhys(0xffffffff9aa00000, 0xfffffffff7800000); got != 0x12200000 {
		t.Errorf("got %#x", got)
	}
}

// The contract: no panic; what is found is in the bytes.
func FuzzIdentity(f *testing.F) {
	f.Add(append(note(testID), "Linux version 6.1 #1\n"...))
	f.Add([]byte("Linux version Linux version %s #1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, _ := findBanner(b); !strings.Contains(string(b), s) || len(s) > maxBanner {
			t.Fatalf("banner %q", s)
		}
		if s := findBuildID(b, 0); s != "" && len(s) != 40 {
			t.Fatalf("build-id %q", s)
		}
	})
}
