package hostram

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// views wraps the lines of the system's memory in what QEMU prints around it.
func views(lines ...string) string {
	return "FlatView #0\r\n AS \"cpu-smm-0\", root: memory\r\n Root memory region: memory\r\n" +
		"  0000000000000000-00000000000bffff (prio 0, ram): pc.ram\r\n\r\n" +
		"FlatView #1\r\n AS \"mch\", root: bus master container\r\n Root memory region: (none)\r\n  No rendered FlatView\r\n\r\n" +
		"FlatView #2\r\n AS \"memory\", root: system\r\n AS \"cpu-memory-0\", root: system\r\n AS \"cpu-memory-1\", root: system\r\n" +
		" Root memory region: system\r\n  " + strings.Join(lines, "\r\n  ") + "\r\n\r\n" +
		"FlatView #3\r\n AS \"I/O\", root: io\r\n Root memory region: io\r\n  0000000000000000-0000000000000fff (prio 0, ram): io\r\n\r\n"
}

func TestRAMIsWhatTheSystemAndItsCPUsCanWrite(t *testing.T) {
	text := views(
		"0000000000000000-000000000009fbff (prio 0, ram): pc.ram",
		"00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem",
		"00000000000c0000-00000000000c3fff (prio 0, rom): pc.ram @00000000000c0000",
		"0000000000100000-000000007f7fffff (prio 0, ram): pc.ram @0000000000100000 KVM",
		"000000007f800000-000000007fffffff (prio 1, i/o): tseg-blackhole",
		"00000000fd000000-00000000fdffffff (prio 1, ram): vga.vram",
		"00000000fe000000-00000000fe000fff (prio 1, romd): pflash",
		"00000000fe001000-00000000fe001fff (prio 1, nv-ram): nvdimm",
		"00000000fe002000-00000000fe0027ff (prio 1, ram): less than a page",
		"00000000fe003800-00000000fe0057ff (prio 1, ram): a page and two halves",
		"0000000100000000-00000001bfffffff (prio 0, ram): ram-node1",
		"fffffffffffff000-ffffffffffffffff (prio 0, ram): the end of the world",
	)
	got, err := ParseRAM(text)
	want := []Range{
		{First: 0, Last: 0x9efff}, {First: 0x100000, Last: 0x7f7fffff}, {First: 0xfd000000, Last: 0xfdffffff},
		{First: 0xfe004000, Last: 0xfe004fff}, {First: 0x100000000, Last: 0x1bfffffff},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %x, %v, want %x", got, err, want)
	}
}

func TestAMemoryMapThatIsNotUnderstoodIsRefused(t *testing.T) {
	ram := "0000000000100000-000000001fffffff (prio 0, ram): pc.ram"
	whole := views(ram)
	for name, tt := range map[string]struct {
		text  string
		views bool // ErrViews
	}{
		"empty":                              {"", true},
		"another monitor":                    {"unknown command: 'info mtree -f'\r\n", true},
		"CPUs that see something else":       {strings.ReplaceAll(whole, ` AS "memory", root: system`, ""), true},
		"one CPU that sees something else":   {whole + strings.ReplaceAll(whole, ` AS "memory", root: system`, ""), true},
		"no CPUs":                            {strings.ReplaceAll(whole, "cpu-memory-", "cpu-other-"), true},
		"told twice":                         {whole + whole, true},
		"no RAM":                             {views("0000000000100000-000000001fffffff (prio 0, rom): pc.ram"), false},
		"overlapping ranges":                 {views(ram, ram), false},
		"a range that ends before it begins": {views("0000000000200000-000000000010ffff (prio 0, ram): pc.ram"), false},
		"something behind the last address":  {views("fffffffffffff000-ffffffffffffffff (prio 0, i/o): x", "ffffffffffffe000-ffffffffffffffff (prio 0, ram): y"), false},
		"more ranges than any machine has": {views(func() (lines []string) {
			for i := range uint64(maxRanges + 1) {
				lines = append(lines, fmt.Sprintf("%016x-%016x (prio 0, ram): r", 2*i<<12, 2*i<<12+0xfff))
			}
			return lines
		}()...), false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseRAM(tt.text)
			if err == nil || got != nil || errors.Is(err, ErrViews) != tt.views {
				t.Errorf("got %x, %v", got, err)
			}
		})
	}
}

func TestWhereRAMLiesIsAskedAtBothEnds(t *testing.T) {
	text := views("0000000000000000-000000000009ffff (prio 0, ram): pc.ram", "0000000100000000-000000013fffffff (prio 0, ram): odd (name) is 0x1")
	answers := map[string]string{
		"info mtree -f":       text,
		"gpa2hva 0x0":         "Host virtual address for 0x0 (pc.ram) is 0x7f0000000000\r\n",
		"gpa2hva 0x9ffff":     "Host virtual address for 0x9ffff (pc.ram) is 0x7f000009ffff\r\n",
		"gpa2hva 0x100000000": "Host virtual address for 0x100000000 (odd (name) is 0x1) is 0x7e0000000000\r\n",
		"gpa2hva 0x13fffffff": "Host virtual address for 0x13fffffff (odd (name) is 0x1) is 0x7e003fffffff\r\n",
	}
	ask := func(command string) (string, error) {
		if said, ok := answers[command]; ok {
			return said, nil
		}
		return "", errors.New("not to be asked: " + command)
	}
	m, err := Locate(ask)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		pa, host, left uint64
		ok             bool
	}{
		{0, 0x7f0000000000, 0xa0000, true}, {0x9fff8, 0x7f000009fff8, 8, true}, {0xa0000, 0, 0, false}, {0xffffffff, 0, 0, false},
		{0x100000000, 0x7e0000000000, 0x40000000, true}, {0x13fffffff, 0x7e003fffffff, 1, true}, {0x140000000, 0, 0, false}, {^uint64(0), 0, 0, false},
	} {
		host, left, ok := m.Find(tt.pa)
		if host != tt.host || left != tt.left || ok != tt.ok {
			t.Errorf("%#x lies at %#x, %#x left, %v", tt.pa, host, left, ok)
		}
	}
	for name, change := range map[string][2]string{
		"in two pieces":       {"gpa2hva 0x13fffffff", "Host virtual address for 0x13fffffff (odd (name) is 0x1) is 0x7d003fffffff\r\n"},
		"in two blocks":       {"gpa2hva 0x9ffff", "Host virtual address for 0x9ffff (other) is 0x7f000009ffff\r\n"},
		"not RAM after all":   {"gpa2hva 0x0", "Memory at address 0x0 is not RAM\r\n"},
		"gone by now":         {"gpa2hva 0x9ffff", "No memory is mapped at address 0x9ffff\r\n"},
		"an address of words": {"gpa2hva 0x0", "Host virtual address for 0x0 (pc.ram) is 0xhere\r\n"},
		"another map":         {"info mtree -f", "?"},
	} {
		t.Run(name, func(t *testing.T) {
			kept := answers[change[0]]
			answers[change[0]] = change[1]
			defer func() { answers[change[0]] = kept }()
			if m, err := Locate(ask); err == nil || m != nil {
				t.Errorf("got %x, %v", m, err)
			}
		})
	}
	for command, said := range answers {
		delete(answers, command)
		if m, err := Locate(ask); err == nil || m != nil {
			t.Errorf("without an answer to %s: %x, %v", command, m, err)
		}
		answers[command] = said
	}
}

// FuzzParseRAM: either an error, or whole pages, in order, without overlaps.
func FuzzParseRAM(f *testing.F) {
	f.Add(views("0000000000000000-000000000009ffff (prio 0, ram): pc.ram", "00000000000c0000-00000000000c3fff (prio 0, rom): pc.ram @00000000000c0000"))
	f.Add(views("fffffffffffff000-ffffffffffffffff (prio 0, ram): x"))
	f.Add("FlatView #0\n AS \"memory\", root: system\n AS \"cpu-memory-0\"\n 0-ffffffffffffffff (prio 0, ram): y\n")
	f.Fuzz(func(t *testing.T, text string) {
		ranges, err := ParseRAM(text)
		if (err == nil) != (len(ranges) > 0) {
			t.Fatalf("%x with %v", ranges, err)
		}
		var next uint64
		for _, r := range ranges {
			if r.First < next || r.Last <= r.First || r.First%pageSize != 0 || (r.Last+1)%pageSize != 0 || r.Host != 0 {
				t.Errorf("range %x after %#x", r, next)
			}
			next = r.Last + 1
		}
	})
}

// FuzzParseHost: what is read back is what QEMU would print for it.
func FuzzParseHost(f *testing.F) {
	f.Add("Host virtual address for 0x1000000 (pc.ram) is 0x7fa7d8e00000\r\n")
	f.Add("Host virtual address for 0x1 (a) is 0x2 (b) is 0x3")
	f.Fuzz(func(t *testing.T, text string) {
		block, host, err := ParseHost(text)
		if err != nil {
			if block != "" || host != 0 {
				t.Errorf("%q, %#x with %v", block, host, err)
			}
			return
		}
		again, at, err := ParseHost(fmt.Sprintf("Host virtual address for 0x1 (%s) is 0x%x\r\n", block, host))
		if err != nil || again != block || at != host {
			t.Errorf("%q, %#x becomes %q, %#x, %v", block, host, again, at, err)
		}
	})
}
