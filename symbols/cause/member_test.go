package cause

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"

	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/disasm"
)

func TestMemberIsNamedWhereThatIsCertain(t *testing.T) {
	for _, cc := range []string{"gcc", "clang"} {
		t.Run(cc, func(t *testing.T) { testMember(t, cc) })
	}
}

func testMember(t *testing.T, cc string) {
	if _, err := exec.LookPath(cc); err != nil {
		t.Skipf("SKIPPED, nothing was compared: %s is not installed", cc)
	}
	program := filepath.Join(t.TempDir(), "member")
	out, err := exec.CommandContext(t.Context(), cc, "-g", "-O2", "-fno-pie", "-no-pie", "-o", program, "testdata/member.c").CombinedOutput()
	if err != nil {
		t.Skipf("SKIPPED, nothing was compared: %s: %v\n%s", cc, err, out)
	}
	im, err := symbols.Open(program, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	f, ok := im.Symbol("read_victim")
	if !ok {
		t.Fatal("no function read_victim")
	}
	tests := []struct {
		name, register string
		offset         int64
		want           string
	}{
		{"first member", "rdi", 0, "v->id"},
		{"member of a member", "rdi", 16, "v->link.prev"},
		{"element of an array", "rdi", 33, ""},
		{"member of an element", "rdi", 32, "v->in[1].a"},
		{"character of an array in an element", "rdi", 38, "v->in[1].name[2]"},
		{"bit field", "rdi", 4, ""},
		{"union", "rdi", 40, ""},
		{"member of an unnamed struct", "rdi", 56, "v->second"},
		{"pointer", "rdi", 64, "v->peer"},
		{"behind the struct", "rdi", 72, ""},
		{"before the struct", "rdi", -8, ""},
		{"pointer to no struct", "rsi", 0, ""},
		{"register without a variable", "rbx", 0, ""},
		{"no register", "the address", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if have := Members(im, f.Addr)(Pointer{Register: tt.register}, tt.offset); have != tt.want {
				t.Errorf("have %q, want %q", have, tt.want)
			}
		})
	}
	testLoaded(t, im)
	if have := Member(im.Types(), addr.LinkAddr(16), "rdi", 0); have != "" {
		t.Errorf("outside of every function: have %q", have)
	}
}

// testLoaded looks for the read through v->peer in a real function.
func testLoaded(t *testing.T, im *symbols.Image) {
	t.Helper()
	f, _ := im.Symbol("read_victim")
	code := bytesAt(im, f.Addr, f.Size)
	for _, in := range disasm.Disassemble(code, addr.Addr(f.Addr), addr.Addr(f.Addr), nil) {
		inst, ok := in.Decoded()
		m, isMem := inst.Args[1].(x86asm.Mem)
		if !ok || !isMem || wide(m.Base) == "rdi" || wide(m.Base) == "rsi" || inst.MemBytes != 4 {
			continue
		}
		c := Explain(&Input{
			Code: code, Base: addr.Addr(f.Addr), PC: in.Addr, Reg: state{wide(m.Base): 0}.reg, Fault: pageFaultAt(0, 0),
			Member: Members(im, addr.LinkAddr(in.Addr)),
		})
		if !strings.HasSuffix(c.Text, "null pointer, member v->peer->id at offset 0") {
			t.Errorf("%s: have %q", in.Text, c.Text)
		}
		return
	}
	t.Error("no instruction reads v->peer->id")
}

func TestSentenceNamesTheMember(t *testing.T) {
	in := Input{
		Code: unhex(t, "48 8b 47 40"), Base: pc, PC: pc, Reg: state{"rdi": 0}.reg, Fault: pageFaultAt(0x40, 0),
		Member: func(p Pointer, offset int64) string {
			if p.Register == "rdi" && offset == 64 {
				return "v->peer"
			}
			return ""
		},
	}
	const want = "read of 8 bytes at rdi+0x40 = 0x40: null pointer, member v->peer at offset 64"
	if have := Explain(&in).Text; have != want {
		t.Errorf("have %q\nwant %q", have, want)
	}
}
