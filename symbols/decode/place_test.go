package decode

import (
	"strings"
	"testing"

	"ktrap/symbols/oops"
)

// lineOf makes the line that a text is in a stream.
func lineOf(t *testing.T, text string) *oops.Line {
	t.Helper()
	for l, err := range oops.Lines(strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		l.Raw = []byte(text)
		return &l
	}
	t.Fatalf("no line in %q", text)
	return nil
}

func TestPlacesOfALine(t *testing.T) {
	const id = "bf9aad3e150938694498a317ce4f3b548437287f"
	call := place{name: "f", off: 9, size: 0x20}
	with := func(change func(*place)) []place {
		p := call
		change(&p)
		return []place{p}
	}
	tests := []struct {
		name, line string
		want       []place
	}{
		{"a frame", "[   12.3]  f+0x9/0x20", []place{call}},
		{"a frame that may be none", "[   12.3]  ? f+0x9/0x20", with(func(p *place) { p.unsure = true })},
		{"a module", " f+0x9/0x20 [ext4]", with(func(p *place) { p.module = "ext4" })},
		{"a module with its build-id", " f+0x9/0x20 [ext4 " + id + "]", with(func(p *place) { p.module, p.buildID = "ext4", id })},
		{"letters behind it", " f+0x9/0x20 (P)", []place{call}},
		{"an instruction pointer", "RIP: 0010:f+0x9/0x20 [ext4]", with(func(p *place) { p.exact, p.module = true, "ext4" })},
		{"of old kernels", "RIP: 0010:[<ffffffff81000009>]  [<ffffffff81000009>] f+0x9/0x20", with(func(p *place) { p.exact, p.addr = true, 0xffffffff81000009 })},
		{"of arm64", "pc : f+0x9/0x20", with(func(p *place) { p.exact = true })},
		{"its link register", "lr : f+0x9/0x20", []place{call}},
		{"riscv has two in a line", "epc : f+0x9/0x20 ra : f+0x9/0x20", append(with(func(p *place) { p.exact = true }), call)},
		{"the head of a warning", "WARNING: CPU: 0 PID: 84 at kernel/x.c:12 f+0x9/0x20", with(func(p *place) { p.exact = true })},
		{"the head of KASAN", "BUG: KASAN: slab-out-of-bounds in f+0x9/0x20 [m]", with(func(p *place) { p.module = "m" })},
		{"an address before the name", " [<ffffffff81000009>] ? f+0x9/0x20", with(func(p *place) { p.unsure = true })},
		{"lockdep", "hardirqs last  enabled at (12799): [<ffffffff81000009>] f+0x9/0x20", with(func(p *place) { p.addr = 0xffffffff81000009 })},
		{"a held lock", " #0: ffff888001 (&x){+.+.}-{4:4}, at: f+0x9/0x20", []place{call}},
		{"decoded before", " f+0x9/0x20 fs/x.c:12", with(func(p *place) { p.decoded = true })},
		{"decoded before, with a column", " f+0x9/0x20 fs/x.c:12:3 [m]", with(func(p *place) { p.decoded = true })},
		{"an address alone", " [<ffffffff81000009>]", []place{{addr: 0xffffffff81000009}}},
		{"an address alone, marked", " ? 0xffffffff81000009", []place{{addr: 0xffffffff81000009, unsure: true}}},
		{"an instruction pointer alone", "RIP: 0010:0xffffffff81000009", []place{{addr: 0xffffffff81000009, exact: true}}},
		{"user mode", "RIP: 0033:0x47b7a0", nil},
		{"a hashed pointer", " 000000000a168026", nil},
		{"no size", "mtd+0x9 is bad", nil},
		{"no name", " +0x9/0x20", nil},
		{"registers", "RAX: ffff888001211580 RBX: ffff888001211580", nil},
		{"a Rust name", "_RNvMs_NtCs1_6kernel4sync+0x9/0x20", with(func(p *place) { p.name = "_RNvMs_NtCs1_6kernel4sync" })},
	}
	for _, tt := range tests {
		got := places(lineOf(t, tt.line))
		for i := range got {
			p := &got[i]
			if mentioned := tt.line[p.start:p.end]; p.name != "" && !strings.HasPrefix(mentioned, p.name+"+0x") || p.tail < p.end {
				t.Errorf("%s: is at %q", tt.name, mentioned)
			}
			p.start, p.end, p.tail = 0, 0, 0
			if strings.Contains(tt.name, "an address before") {
				p.addr = 0 // of unsure frames it stands before the mark
			}
		}
		if len(got) != len(tt.want) {
			t.Errorf("%s: %+v", tt.name, got)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %+v, want %+v", tt.name, got[i], tt.want[i])
			}
		}
	}
}

func TestALineFullOfPlacesTakesLinearTime(t *testing.T) {
	line := strings.Repeat("a", 20000) + strings.Repeat("+0x1/0x2", 1000)
	if got := places(lineOf(t, line)); len(got) > maxPlaces {
		t.Errorf("%d places", len(got))
	}
}
