package target

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// files serves a description from a map.
func files(m map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		s, ok := m[name]
		if !ok {
			return nil, os.ErrNotExist
		}
		return []byte(s), nil
	}
}

func TestADescriptionIsReadWithItsIncludesAndWithoutItsComments(t *testing.T) {
	d, err := ParseDescription(files(map[string]string{
		"target.xml": `<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">
			<target><architecture>i386:x86-64</architecture><xi:include href="core.xml"/></target>`,
		"core.xml": `<feature name="org.gnu.gdb.i386.core">
			<flags id="e" size="4"><field name="CF" start="0" end="0"/></flags>
			<reg name="rax" bitsize="64" type="int64" regnum="0"/>
			<!-- <reg name="cs_base" bitsize="64" regnum="1"/> -->
			<reg name="rip" bitsize="64" type="code_ptr" regnum="5"/>
			<reg name="eflags" bitsize="32" type="e"/>
			<reg name="xmm0" bitsize="128" group="vector" regnum="2"/>
		</feature>`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := []Register{
		{"rax", 0, 64, 0, ""}, {"xmm0", 2, 128, 8, "vector"}, {"rip", 5, 64, 24, ""}, {"eflags", 6, 32, 32, ""},
	}
	if d.Arch != "i386:x86-64" || fmt.Sprint(d.Registers) != fmt.Sprint(want) {
		t.Errorf("arch %q, registers %v, want %v", d.Arch, d.Registers, want)
	}
	if _, ok := d.Lookup("cs_base"); ok {
		t.Error("a register that is commented out is there")
	}
}

func TestABadDescriptionIsRefused(t *testing.T) {
	many := strings.Repeat(`<reg name="r" bitsize="8"/>`, maxRegisters+1)
	tests := map[string]struct{ xml, want string }{
		"it includes itself":          {`<target><xi:include href="target.xml"/></target>`, "too many files"},
		"an included file is missing": {`<target><xi:include href="no.xml"/></target>`, "no.xml"},
		"it has no registers":         {`<target/>`, "no registers"},
		"it is cut off":               {`<target><reg name="a" bitsize="8"`, "target.xml"},
		"a width is no number":        {`<target><reg name="a" bitsize="wide"/></target>`, "width"},
		"a width is negative":         {`<target><reg name="a" bitsize="-8"/></target>`, "width"},
		"a width is huge":             {`<target><reg name="a" bitsize="99999999"/></target>`, "width"},
		"a number is no number":       {`<target><reg name="a" bitsize="8" regnum="x"/></target>`, "number"},
		"a register has no name":      {`<target><reg bitsize="8"/></target>`, "name"},
		"two registers share one":     {`<target><reg name="a" bitsize="8" regnum="1"/><reg name="b" bitsize="8" regnum="1"/></target>`, "share"},
		"it has too many registers":   {`<target>` + many + `</target>`, "too many"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := ParseDescription(files(map[string]string{"target.xml": tt.xml}))
			if err == nil || d != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v", d, err)
			}
		})
	}
}

// The contract: an error or a description, and offsets that ascend.
func FuzzParseDescription(f *testing.F) {
	f.Add(`<target><reg name="a" bitsize="8"/><reg name="b" bitsize="80" regnum="0"/></target>`)
	f.Add(`<target><architecture>x</architecture><xi:include href="target.xml"/></target>`)
	f.Fuzz(func(t *testing.T, doc string) {
		d, err := ParseDescription(files(map[string]string{"target.xml": doc}))
		if (err == nil) == (d == nil) {
			t.Fatalf("description %v with error %v", d, err)
		}
		if d == nil {
			return
		}
		end := 0
		for _, r := range d.Registers {
			if r.Offset != end || r.size() <= 0 {
				t.Fatalf("register %q at %d, want %d", r.Name, r.Offset, end)
			}
			end += r.size()
		}
	})
}
