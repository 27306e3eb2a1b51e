package gdbview

import (
	"encoding/xml"
	"testing"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

func TestThreadsAreXMLWhateverTasksCallThemselves(t *testing.T) {
	got := Threads([]Thread{
		{ID: 1, Core: -1, Name: "init", Text: "S"},
		{ID: Idle + 1, Core: 1, Name: `<"&'>`, Text: "a\x01b"},
	})
	want := "<threads>\n<thread id=\"1\" name=\"init\">S</thread>\n" +
		"<thread id=\"989681\" core=\"1\" name=\"&lt;&#34;&amp;&#39;&gt;\">a�b</thread>\n</threads>\n"
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := xml.Unmarshal(got, new(struct{})); err != nil {
		t.Error(err)
	}
}

func TestIdleTasksHaveNumbersOfTheirOwn(t *testing.T) {
	for _, c := range []struct{ pid, cpu, want int }{{0, 0, 10000000}, {0, 1, 10000001}, {0, -1, 10000000}, {1, 1, 1}, {4194304, 0, 4194304}} {
		if got := TaskID(c.pid, c.cpu); got != c.want {
			t.Errorf("pid %d on CPU %d: %d, want %d", c.pid, c.cpu, got, c.want)
		}
	}
}

func TestEverySectionOfALibraryHasAnAddress(t *testing.T) {
	got := string(Libraries([]Library{{"/m/a&b.ko", []addr.Addr{0xffffffffc0000000, 0}}, {"nofile", []addr.Addr{1}}}))
	want := "<library-list>\n<library name=\"/m/a&amp;b.ko\"><section address=\"0xffffffffc0000000\"/><section address=\"0x0\"/></library>\n" +
		"<library name=\"nofile\"><section address=\"0x1\"/></library>\n</library-list>\n"
	if got != want {
		t.Errorf("got %s", got)
	}
}

func TestADescriptionSaysOnceThatThereIsNoOS(t *testing.T) {
	const with = "<target><architecture>i386:x86-64</architecture><osabi>none</osabi></target>"
	for in, want := range map[string]string{
		"<target><architecture>i386:x86-64</architecture></target>": with,
		with:                          with,
		"<target><feature/></target>": "<target><feature/></target>",
	} {
		if got := string(WithoutOS([]byte(in))); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func TestARegisterThatIsNotKnownIsXs(t *testing.T) {
	regs := []target.Register{{Name: "a", Bits: 16}, {Name: "b", Bits: 32}, {Name: "c", Bits: 8}}
	got := string(Registers(regs, func(r target.Register) ([]byte, bool) {
		return []byte{1, 0xa2}, r.Name != "b"
	}))
	if got != "01a2xxxxxxxx01" {
		t.Errorf("got %s", got)
	}
}
