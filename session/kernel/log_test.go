package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"ktrap/symbols/addr"
)

// logLayouts are the structs of 5.10 and later as they really are, and the
// printk_log of before.
func logLayouts() fakeLayouts {
	return fakeLayouts{
		"printk_ringbuffer": {88, map[string][2]int64{
			"desc_ring.count_bits": {0, 4}, "desc_ring.descs": {8, 8}, "desc_ring.infos": {16, 8},
			"desc_ring.head_id": {24, 8}, "desc_ring.tail_id": {32, 8},
			"text_data_ring.size_bits": {48, 4}, "text_data_ring.data": {56, 8},
		}},
		"prb_desc": {24, map[string][2]int64{"state_var": {0, 8}, "text_blk_lpos.begin": {8, 8}, "text_blk_lpos.next": {16, 8}}},
		"printk_info": {88, map[string][2]int64{
			"seq": {0, 8}, "ts_nsec": {8, 8}, "text_len": {16, 2}, "facility": {18, 1}, "caller_id": {20, 4},
		}},
		"printk_log": {16, map[string][2]int64{"ts_nsec": {0, 8}, "len": {8, 2}, "text_len": {10, 2}, "facility": {14, 1}}},
	}
}

// logGuest is a guest with a log buffer of 8 records and 256 bytes of text.
type logGuest struct {
	*guest
	rb, descs, infos, data addr.Addr
	id, lpos               uint64
}

const (
	logBits     = 3
	logDataBits = 8
)

func newLogGuest() *logGuest {
	g := &logGuest{guest: newGuest()}
	g.layouts = logLayouts()
	g.rb, g.descs, g.infos, g.data = g.alloc(88), g.alloc(8*24), g.alloc(8*88), g.alloc(256)
	g.variable("prb", uint64(g.rb))
	g.put32(g.rb, logBits)
	g.put64(g.rb+8, uint64(g.descs))
	g.put64(g.rb+16, uint64(g.infos))
	g.put32(g.rb+48, logDataBits)
	g.put64(g.rb+56, uint64(g.data))
	// Ids begin high and wrap, as the kernel's do.
	g.id = descIDMask - 2
	g.put64(g.rb+32, g.id)
	return g
}

// add writes a record as the kernel does; seq counts from 0.
func (g *logGuest) add(seq uint64, text string, state uint64) {
	i := addr.Addr(g.id & (1<<logBits - 1))
	size := (uint64(len(text)) + 8 + 7) &^ 7
	begin, next := g.lpos, g.lpos+size
	at := begin
	if begin>>logDataBits != (next-1)>>logDataBits { // does not fit: goes to the beginning
		at = next &^ (1<<logDataBits - 1)
		next = at + size
	}
	if text == "" {
		begin, next = 3, 3
	} else {
		block := binary.LittleEndian.AppendUint64(nil, g.id)
		g.put(g.data+addr.Addr(at&(1<<logDataBits-1)), append(block, text...))
		g.lpos = next
	}
	g.put64(g.descs+i*24, state<<descStateShift|g.id)
	g.put64(g.descs+i*24+8, begin)
	g.put64(g.descs+i*24+16, next)
	g.put64(g.infos+i*88, seq)
	g.put64(g.infos+i*88+8, seq*1_000_000_000+123456)
	g.put(g.infos+i*88+16, []byte{byte(len(text)), byte(len(text) >> 8)})
	g.put64(g.rb+24, g.id)
	if n := (g.id - g.ringTail()) & descIDMask; n >= 1<<logBits {
		g.put64(g.rb+32, (g.ringTail()+1)&descIDMask)
	}
	g.id = (g.id + 1) & descIDMask
}

func (g *logGuest) ringTail() uint64 { return uint64(g.ptr(g.rb + 32)) }

func texts(list []Record) string {
	var b strings.Builder
	for _, r := range list {
		fmt.Fprintf(&b, "%d:%s ", r.Seq, r.Text)
	}
	return strings.TrimSpace(b.String())
}

func TestTheLogIsReadInOrderRoundItsRings(t *testing.T) {
	for _, n := range []int{1, 7, 8, 9, 30} {
		g := newLogGuest()
		var want []string
		for i := range n {
			text := fmt.Sprintf("record number %d", i)
			g.add(uint64(i), text, descFinalized)
			if n-i <= 8 {
				want = append(want, fmt.Sprintf("%d:%s", i, text))
			}
		}
		list, err := g.Log(t.Context())
		if got := texts(list); err != nil || got != strings.Join(want, " ") {
			t.Errorf("%d records: %q, %v; want %q", n, got, err, want)
		}
	}
}

func TestALogIsReadFromASequenceNumberOn(t *testing.T) {
	g := newLogGuest()
	for i := range uint64(12) {
		g.add(i, fmt.Sprint("r", i), descFinalized)
	}
	for from, want := range map[uint64]string{
		0: "4:r4 5:r5 6:r6 7:r7 8:r8 9:r9 10:r10 11:r11", 10: "10:r10 11:r11", 11: "11:r11", 12: "", 1 << 60: "",
	} {
		list, err := g.LogFrom(t.Context(), &LogOptions{From: from})
		if got := texts(list); err != nil || got != want {
			t.Errorf("from %d: %q, %v; want %q", from, got, err, want)
		}
	}
}

func TestARecordBeingWrittenIsReportedNotGuessed(t *testing.T) {
	g := newLogGuest()
	g.add(0, "one", descFinalized)
	g.add(1, "torn", descReserved)
	g.add(2, "three", descCommitted)
	list, err := g.Log(t.Context())
	if got := texts(list); got != "0:one 2:three" || !errors.Is(err, ErrUnfinished) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheLogEndsBeforeARecordBeingWritten(t *testing.T) {
	g := newLogGuest()
	g.add(0, "one", descFinalized)
	g.add(1, "two", descCommitted)
	g.add(2, "torn", descReserved)
	list, err := g.Log(t.Context())
	if got := texts(list); got != "0:one 1:two" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRecordsWithoutTextAndWithLostText(t *testing.T) {
	g := newLogGuest()
	g.add(0, "", descFinalized)
	g.add(1, "lost", descFinalized)
	g.put64(g.data, 0xbad) // the id before the text is another's
	list, err := g.Log(t.Context())
	if got := texts(list); err != nil || got != "0: 1:" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestACorruptedLogIsAnError(t *testing.T) {
	tests := map[string]func(g *logGuest){
		"sizes are huge":             func(g *logGuest) { g.put32(g.rb, 60) },
		"sizes are zero":             func(g *logGuest) { g.put64(g.rb, 0) },
		"text size is huge":          func(g *logGuest) { g.put32(g.rb+48, 40) },
		"the head is far away":       func(g *logGuest) { g.put64(g.rb+24, g.id+100) },
		"the head is behind":         func(g *logGuest) { g.put64(g.rb+24, g.ringTail()-2) },
		"descriptors are unreadable": func(g *logGuest) { g.put64(g.rb+8, 0x1234) },
		"infos are unreadable":       func(g *logGuest) { g.put64(g.rb+16, 0x1234) },
		"texts are unreadable":       func(g *logGuest) { g.put64(g.rb+56, 0x1234) },
		"prb is garbage":             func(g *logGuest) { g.variable("prb", 0x41) },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			g := newLogGuest()
			g.add(0, "text", descFinalized)
			spoil(g)
			if list, err := g.Log(t.Context()); err == nil || len(list) != 0 {
				t.Errorf("got %q, %v", texts(list), err)
			}
		})
	}
}

// oldRecord is a struct printk_log with its text.
func oldRecord(ts uint64, text string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, ts)
	b = binary.LittleEndian.AppendUint16(b, uint16(16+len(text)+3)&^3)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	b = append(append(b, 0, 0, 0, 0), text...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func TestTextsThatLieUponEachOtherDoNotMultiply(t *testing.T) {
	g := newLogGuest()
	first := g.id
	for i := range uint64(8) {
		g.add(i, "x", descFinalized)
	}
	for i := range uint64(8) { // each begins behind the last and claims all the rest
		id := (first + i) & descIDMask
		at := addr.Addr(id & (1<<logBits - 1))
		g.put64(g.data+addr.Addr(8*i), id)
		g.put64(g.descs+at*24+8, 8*i)
		g.put64(g.descs+at*24+16, 256)
		g.put(g.infos+at*88+16, []byte{0xff, 0xff})
	}
	list, err := g.Log(t.Context())
	if _, ok := errors.AsType[*CorruptError](err); !ok {
		t.Errorf("got %v", err)
	}
	sum := 0
	for _, r := range list {
		sum += len(r.Text)
	}
	if len(list) == 0 || sum > 1<<logDataBits {
		t.Errorf("%d records hold %d bytes of a ring of %d", len(list), sum, 1<<logDataBits)
	}
}

func TestTheLogOfKernelsBefore510(t *testing.T) {
	g := newGuest()
	g.layouts = logLayouts()
	buf := g.alloc(128)
	g.put(buf+64, oldRecord(1, "oldest"))
	g.put(buf+64+24, oldRecord(2, "next")) // then length 0: wrap
	g.put(buf, oldRecord(3, "newest"))
	g.variable("log_buf", uint64(buf))
	g.variable("log_buf_len", 128)
	g.variable("log_first_idx", 64)
	g.variable("log_first_seq", 40)
	g.variable("log_next_seq", 43)
	list, err := g.Log(t.Context())
	if got := texts(list); err != nil || got != "40:oldest 41:next 42:newest" {
		t.Errorf("%q, %v", got, err)
	}
	list, err = g.LogFrom(t.Context(), &LogOptions{From: 42})
	if got := texts(list); err != nil || got != "42:newest" {
		t.Errorf("from 42: %q, %v", got, err)
	}
	g.variable("log_next_seq", 1<<40)
	if list, err = g.Log(t.Context()); len(list) != 3 || err == nil {
		t.Errorf("with a sequence number from nowhere: %q, %v", texts(list), err)
	}
	g.variable("log_first_idx", 1<<20)
	if _, err = g.Log(t.Context()); err == nil {
		t.Error("an index outside the buffer was believed")
	}
}

func TestDmesgPrintsWhatTheConsolePrints(t *testing.T) {
	list := []Record{
		{Time: 0, Level: 5, Text: []byte("Linux version 6.1"), Caller: callerCPU},
		{Time: 12_345_678_901, Level: 6, Facility: 3, Text: []byte("two\nlines\n"), Caller: 17},
		{Time: 123456_000_001_000, Text: []byte("esc \x1b[2J tab\t \xff é")},
		{},
	}
	tests := map[string]struct {
		o    *DmesgOptions
		want string
	}{
		"plain": {nil, `[    0.000000] Linux version 6.1
[   12.345678] two
[   12.345678] lines
[   12.345678] 
[123456.000001] esc \x1b[2J tab	 \xff é
[    0.000000] 
`},
		"raw with callers": {&DmesgOptions{Raw: true, Caller: true}, `<5>[    0.000000][    C0] Linux version 6.1
<30>[   12.345678][   T17] two
<30>[   12.345678][   T17] lines
<30>[   12.345678][   T17] 
<0>[123456.000001][    T0] esc \x1b[2J tab	 \xff é
<0>[    0.000000][    T0] 
`},
	}
	for name, tt := range tests {
		if got := string(AppendDmesg(nil, list, tt.o)); got != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, tt.want)
		}
	}
}

// The contract: no panic, no more records than places, text within the ring.
func FuzzRing(f *testing.F) {
	g := newLogGuest()
	for i := range uint64(9) {
		g.add(i, "some text", descFinalized)
	}
	page := g.fakeMemory[heap]
	f.Add(page, uint64(3))
	f.Fuzz(func(t *testing.T, b []byte, from uint64) {
		m := fakeMemory{}
		m.put(heap, append([]byte{}, b[:min(len(b), 4*pageSize)]...))
		m.put64(heap-8, uint64(heap))
		list, err := readRing(m, logLayouts(), heap-8, from)
		if len(list) > 1<<maxRingBits {
			t.Fatalf("%d records", len(list))
		}
		for _, r := range list {
			if r.Seq < from || len(r.Text) > 1<<16 {
				t.Fatalf("record %+v from %d, %v", r, from, err)
			}
		}
	})
}

// The contract: no panic; sequence numbers ascend by one.
func FuzzLogBuf(f *testing.F) {
	f.Add(append(oldRecord(1, "a"), oldRecord(2, "bc")...), 0, uint64(2))
	head, err := shapeOf(logLayouts(), "printk_log", "ts_nsec", "len", "text_len", "facility")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte, at int, n uint64) {
		list, _ := decodeLogBuf(head, b, at&0xffff, 7, 7+n%1000)
		for i, r := range list {
			if r.Seq != 7+uint64(i) {
				t.Fatalf("record %d has number %d", i, r.Seq)
			}
		}
	})
}
