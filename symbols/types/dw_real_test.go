package types

import (
	"debug/dwarf"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// What DWARF says must be what BTF says, member by member.
func TestRealDWARFAndBTFAgree(t *testing.T) {
	names := []string{
		"task_struct", "pt_regs", "module", "printk_ringbuffer", "page", "mm_struct", "rq", "sk_buff",
		"inode", "net_device", "thread_struct", "tcp_sock", "request_queue", "perf_event_attr", "tcphdr", "iphdr",
	}
	for path, src := range vmlinuxes(t) {
		fromBTF, fromDWARF := New(without{src, ".debug"}), New(without{src, ".BTF"})
		if _, err := fromBTF.Layout("list_head"); err != nil {
			t.Logf("%s: no BTF: NOT COMPARED", path)
			continue
		}
		for _, name := range names {
			b, err1 := fromBTF.Layout(name)
			d, err2 := fromDWARF.Layout(name)
			if err1 != nil || err2 != nil {
				t.Errorf("%s: %s: BTF %v, DWARF %v", path, name, err1, err2)
				continue
			}
			sameStruct(t, name, b.Type(), d.Type())
		}
	}
}

func sameStruct(t *testing.T, name string, a, b *dwarf.StructType) {
	t.Helper()
	if a.ByteSize != b.ByteSize || len(a.Field) != len(b.Field) {
		t.Errorf("%s: size %d or %d, members %d or %d", name, a.ByteSize, b.ByteSize, len(a.Field), len(b.Field))
		return
	}
	for n := range a.Field {
		x, y := FieldOf(a.Field[n]), FieldOf(b.Field[n])
		spellX, spellY := Declare(x.Type, x.Name), Declare(y.Type, y.Name)
		x.Type, y.Type = nil, nil
		spellY = strings.ReplaceAll(spellY, "[]", "[0]") // BTF cannot tell them apart
		if x != y || spellX != spellY {
			t.Errorf("%s: BTF %+v %q, DWARF %+v %q", name, x, spellX, y, spellY)
		}
		sx, ok1 := Strip(a.Field[n].Type).(*dwarf.StructType)
		sy, ok2 := Strip(b.Field[n].Type).(*dwarf.StructType)
		if ok1 && ok2 {
			sameStruct(t, name+"."+x.Name, sx, sy)
		}
	}
}

// Random structs, unions and enums must have the same outline from both.
func TestRealOutlinesAreTheSameFromDWARFAndBTF(t *testing.T) {
	for path, src := range vmlinuxes(t) {
		t.Run(kernelName(path), func(t *testing.T) {
			t.Parallel()
			compareOutlines(t, src)
		})
	}
}

func compareOutlines(t *testing.T, src Source) {
	fromBTF, fromDWARF := New(without{src, ".debug"}), New(without{src, ".BTF"})
	b, err := fromBTF.loadBTF()
	if err != nil {
		t.Skip("SKIPPED, nothing was compared: no BTF")
	}
	r := rand.New(rand.NewPCG(1, 2))
	for compared := 0; compared < 300; {
		id := uint32(1 + r.IntN(len(b.off)-1))
		typ, _ := b.at(id)
		if typ.name == 0 || typ.kind != btfStruct && typ.kind != btfUnion && typ.kind != btfEnum && typ.kind != btfEnum64 {
			continue
		}
		compared++
		name := Spell(b.typeOf(id))
		if first, _ := b.find(strings.Fields(name)[0], b.str(typ.name)); first != id {
			continue // the second struct of one name
		}
		got, err1 := outlineText(fromBTF, name)
		want, err2 := outlineText(fromDWARF, name)
		if err1 != nil || err2 != nil || got != want {
			t.Errorf("%v %v\n--- BTF\n%s--- DWARF\n%s", err1, err2, got, want)
		}
	}
}

var (
	alignAttribute = regexp.MustCompile(` __attribute__\(\(__aligned__\(\d+\)\)\)`)
	dimensions     = regexp.MustCompile(`(\[\d+\])+`)
	columns        = regexp.MustCompile(` +/\*`)
)

// outlineText writes an outline without what BTF does not have.
func outlineText(info *Info, name string) (string, error) {
	s, err := info.Subject(name)
	if err != nil {
		return "", err
	}
	o, err := info.Outline(s.Type, nil)
	if err != nil {
		return "", err
	}
	text := alignAttribute.ReplaceAllString(o.String(), "")
	return columns.ReplaceAllString(dimensions.ReplaceAllString(text, "[]"), " /*"), nil
}

func BenchmarkLayoutTaskStructFromDWARF(b *testing.B) {
	for path, src := range vmlinuxes(b) {
		src = without{src, ".BTF"}
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := New(src).Layout("task_struct"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
