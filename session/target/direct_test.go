package target

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"ktrap/rsp"
	"ktrap/symbols/addr"
)

// hostBase is where the fake QEMU has guest RAM.
const hostBase = 0x7f0000000000

// fakeHost is a process that holds the pages of a fakeStub.
type fakeHost struct {
	stub  *fakeStub
	err   error             // of Open
	opens int               // how often it was opened
	reads int               // how often something was read
	other map[uint64][]byte // pages that are other ones than the stub's
	gone  bool              // it has ended
}

func (h *fakeHost) Open() (int, error) {
	h.opens++
	return 7, h.err
}

func (h *fakeHost) ReadMemory(p []byte, host uint64) error {
	h.reads++
	if h.gone || host < hostBase {
		return fs.ErrClosed
	}
	for pa := host - hostBase; len(p) > 0; {
		page := h.stub.phys[pa&^(pageSize-1)]
		if o := h.other[pa&^(pageSize-1)]; o != nil {
			page = o
		}
		if page == nil {
			page = make([]byte, pageSize)
		}
		n := copy(p, page[pa&(pageSize-1):])
		p, pa = p[n:], pa+uint64(n)
	}
	return nil
}

// ramEnd is the size of the fake machine's RAM.
const ramEnd = 16 << 20

// direct is a machine one of whose pages of text is no RAM, behind a stub whose
// process may be read.
type direct struct {
	*machine
	host *fakeHost
	rom  uint64 // a page of text that is ROM
}

func newDirect(t *testing.T, levels int) *direct {
	t.Helper()
	d := &direct{machine: newMachine(levels)}
	d.addCPU(false, d.kernel)
	d.host = &fakeHost{stub: d.fakeStub}
	d.machine.t.host = d.host
	m, err := tables{roots: []uint64{d.kernel}, levels: levels}.translate(func(pa uint64) ([]byte, error) { return d.phys[pa], nil }, text)
	if err != nil {
		t.Fatal(err)
	}
	for pa := m.pa; pa < m.pa+2<<20; pa += pageSize { // the whole large page is there
		d.phys[pa] = bytes.Repeat([]byte(fmt.Sprintf("%16x", pa)), pageSize/16)
	}
	for pa := uint64(0); pa < ramEnd; pa += pageSize {
		if d.phys[pa] == nil {
			d.phys[pa] = make([]byte, pageSize)
		}
	}
	d.rom = m.pa + 300*pageSize
	d.monitor = func(command string) (string, error) {
		var pa uint64
		if _, err := fmt.Sscanf(command, "gpa2hva 0x%x", &pa); err == nil {
			return fmt.Sprintf("Host virtual address for %#x (pc.ram) is %#x\r\n", pa, hostBase+pa), nil
		}
		return fmt.Sprintf("FlatView #0\r\n AS \"memory\", root: system\r\n AS \"cpu-memory-0\", root: system\r\n"+
			"  %016x-%016x (prio 0, ram): pc.ram\r\n  %016x-%016x (prio 0, rom): pc.rom\r\n  %016x-%016x (prio 0, ram): pc.ram @%016x\r\n",
			0, d.rom-1, d.rom, d.rom+pageSize-1, d.rom+pageSize, ramEnd-1, d.rom+pageSize), nil
	}
	return d
}

// readAll reads what is enough for RAM to be read directly, twice, and compares
// it with what the stub shows.
func (d *direct) readAll(t *testing.T) {
	t.Helper()
	want := make([]byte, 2<<20)
	if err := d.ReadMemory(t.Context(), rsp.ThreadID{PID: 1, TID: 1}, uint64(text), want); err != nil {
		t.Fatal(err)
	}
	cpu := CPU{Thread: rsp.ThreadID{PID: 1, TID: 1}}
	for what, read := range map[string]func(p []byte, a addr.Addr) error{
		"the kernel's":   d.t.Memory(t.Context()).ReadMemory,
		"a CPU's":        d.t.MemoryOf(t.Context(), cpu).ReadMemory,
		"exactly as CPU": func(p []byte, a addr.Addr) error { return d.t.ReadAs(t.Context(), cpu, p, a) },
	} {
		for _, cut := range []int{0, 5} { // not at the ends of pages
			got := make([]byte, len(want)-2*cut)
			if err := read(got, text+addr.Addr(cut)); err != nil || !bytes.Equal(got, want[cut:len(want)-cut]) {
				t.Errorf("memory %s differs from the stub's, error %v", what, err)
			}
		}
	}
}

func TestRAMIsReadPastTheStubWhereMuchIsWanted(t *testing.T) {
	for _, levels := range []int{4, 5} {
		d := newDirect(t, levels)
		if got := readString(t, d.t.Memory(t.Context()), text+pageSize, 4); got == "" || d.host.opens > 0 || d.t.DirectRAM() != "through the stub, so far" {
			t.Errorf("a short read asks for RAM: %s", d.t.DirectRAM())
		}
		d.readAll(t)
		if !strings.Contains(d.t.DirectRAM(), "process 7") || d.entered != 1 {
			t.Errorf("%s, compared %d times", d.t.DirectRAM(), d.entered)
		}
		d.virt = 0
		p := make([]byte, 64<<10)
		if err := d.t.ReadAs(t.Context(), CPU{Thread: rsp.ThreadID{PID: 1, TID: 1}}, p, text); err != nil || d.virt != 1 {
			t.Errorf("%d questions to the stub, %v", d.virt, err)
		}
		var fault *FaultError
		if err := d.t.Memory(t.Context()).ReadMemory(p, data+4*pageSize); !errors.As(err, &fault) {
			t.Errorf("what is not mapped: %v", err)
		}
	}
}

func TestEveryStopComparesAgain(t *testing.T) {
	d := newDirect(t, 4)
	for stop := 1; stop <= 3; stop++ {
		d.readAll(t)
		if d.entered != stop {
			t.Errorf("stop %d: compared %d times", stop, d.entered)
		}
		d.t.Invalidate()
	}
}

func TestRAMIsNotReadPastTheStub(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(d *direct)
		says   string
		again  bool // another stop tries again
	}{
		"when the process may not be read":      {func(d *direct) { d.host.err = fs.ErrPermission }, "permission denied", false},
		"when the monitor cannot say":           {func(d *direct) { d.monitor = nil }, "unsupported", false},
		"when the monitor says nothing":         {func(d *direct) { d.monitor = func(string) (string, error) { return "", nil } }, "no memory", false},
		"when the stub has no physical mode":    {func(d *direct) { d.noPhys = true }, "unsupported", false},
		"when the process has ended":            {func(d *direct) { d.host.gone = true }, "closed", false},
		"when the process holds something else": {func(d *direct) { d.host.other = allOther(d) }, "something else", false},
		"when it differs at the end of RAM": {func(d *direct) {
			d.host.other = map[uint64][]byte{ramEnd - pageSize: bytes.Repeat([]byte{1}, pageSize)}
		}, "something else", false},
		"when RAM is too empty to recognize it by": {func(d *direct) { clearRAM(d) }, "so far", true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDirect(t, 4)
			tt.change(d)
			reads := 0
			for range 2 {
				p := make([]byte, 2<<20)
				_ = d.t.ReadPhysical(t.Context(), p, 0) // without a physical mode it cannot
				cpu := CPU{Thread: rsp.ThreadID{PID: 1, TID: 1}}
				if err := d.t.ReadAs(t.Context(), cpu, p, text); (err != nil) != tt.again { // without page tables nothing is seen
					t.Errorf("through the stub: %v", err)
				}
				if !strings.Contains(d.t.DirectRAM(), tt.says) || d.t.now().direct.ram != nil {
					t.Errorf("DirectRAM says %q", d.t.DirectRAM())
				}
				reads = d.host.reads
				d.t.Invalidate()
			}
			if want := map[bool]int{false: 1, true: 2}[tt.again]; d.host.opens != want {
				t.Errorf("opened %d times, want %d", d.host.opens, want)
			}
			d.host.gone = false
			if err := d.t.ReadAs(t.Context(), CPU{Thread: rsp.ThreadID{PID: 1, TID: 1}}, make([]byte, 8), text); d.host.reads != reads {
				t.Errorf("read from the process afterwards: %v", err)
			}
		})
	}
}

// allOther is another guest's RAM.
func allOther(d *direct) map[uint64][]byte {
	other := make(map[uint64][]byte)
	for pa := uint64(0); pa < ramEnd; pa += pageSize {
		other[pa] = bytes.Repeat([]byte{0x5a}, pageSize)
	}
	return other
}

func clearRAM(d *direct) {
	for pa := range d.phys {
		clear(d.phys[pa])
	}
}

func TestAProcessThatEndsLeavesReadsToTheStub(t *testing.T) {
	d := newDirect(t, 4)
	d.readAll(t)
	d.host.gone = true
	d.readAll(t)
}

func TestWhatACPUSeesThroughUnknownTablesIsLeftToTheStub(t *testing.T) {
	for name, change := range map[string]func(regs map[string]uint64){
		"a CPU in 32-bit mode":    func(r map[string]uint64) { r["efer"] = 0 },
		"a CPU before paging":     func(r map[string]uint64) { r["cr0"] = 0 },
		"tables outside of RAM":   func(r map[string]uint64) { r["cr3"] = ramEnd },
		"tables that map nothing": func(r map[string]uint64) { r["cr3"] = ramEnd - pageSize },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDirect(t, 4)
			change(d.cpus[0])
			p := make([]byte, 512<<10)
			cpu := CPU{Thread: rsp.ThreadID{PID: 1, TID: 1}}
			_, want := d.see(cpu.Thread, uint64(text))
			asked := d.virt
			err := d.t.ReadAs(t.Context(), cpu, p, text)
			if d.virt != asked+1 || (err == nil) != (want == nil) {
				t.Errorf("the stub was asked %d times: %v, want %v", d.virt-asked, err, want)
			}
		})
	}
}

func TestPhysicalMemoryIsReadPastTheStub(t *testing.T) {
	d := newDirect(t, 4)
	got := make([]byte, 512<<10)
	for range 2 {
		if err := d.t.ReadPhysical(t.Context(), got, d.rom-256<<10); err != nil {
			t.Fatal(err)
		}
	}
	var want []byte
	for pa := d.rom - 256<<10; pa < d.rom+256<<10; pa += pageSize {
		want = append(want, d.phys[pa]...)
	}
	if !bytes.Equal(got, want) || d.t.now().direct.ram == nil {
		t.Errorf("differs from what is there; %s", d.t.DirectRAM())
	}
	if err := d.t.ReadPhysical(t.Context(), got, ramEnd-256<<10); !refused(err) {
		t.Errorf("past the end of RAM: %v", err)
	}
}

func TestARunOfPagesWithHolesIsReadAsTheStubWould(t *testing.T) {
	d := newDirect(t, 4)
	d.readAll(t)
	// Three pages of which the one in the middle is not mapped.
	const hole = data + 0x100000
	first, last := d.page(1), d.page(1)
	copy(d.phys[first], "first")
	copy(d.phys[last], "last")
	d.mapAt(d.kernel, hole, first, 1)
	d.mapAt(d.kernel, hole+2*pageSize, last, 1)
	d.t.Invalidate()
	d.readAll(t)
	v := d.t.Memory(context.Background()).(*view)
	got, err := v.through(rsp.ThreadID{PID: 1, TID: 1}, []addr.Addr{hole, hole + pageSize, hole + 2*pageSize})
	if err != nil || !bytes.HasPrefix(got[0], []byte("first")) || got[1] != nil || !bytes.HasPrefix(got[2], []byte("last")) {
		t.Errorf("%.5s, %v", got, err)
	}
}

// FuzzDirectRAM: whatever the page tables say, what is read is what the stub
// shows, to the byte, and an error where it gives one.
func FuzzDirectRAM(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	}
	f.Fuzz(func(t *testing.T, seed uint64, tables []byte) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		d := newDirect(t, 4+int(seed&1))
		for i, b := range tables { // mappings of all sizes, half of them garbage
			va := addr.Addr(uint64(data) + uint64(b)<<21 + uint64(i)<<12)
			d.mapAt(d.kernel, va&^(1<<21-1)+1<<40, uint64(b)<<21, 2)
			d.mapAt(d.kernel, va, rnd.Uint64N(2*ramEnd)&^(pageSize-1), 1)
		}
		if seed&2 != 0 {
			binary.LittleEndian.PutUint64(d.phys[d.kernel][rnd.IntN(512)*8:], rnd.Uint64())
		}
		cpu := CPU{Thread: rsp.ThreadID{PID: 1, TID: 1}}
		if !d.t.TryDirectRAM(t.Context()) {
			t.Fatal(d.t.DirectRAM())
		}
		for range 64 {
			a := data + addr.Addr(rnd.Uint64N(1<<29))
			if rnd.IntN(2) == 0 {
				a = text + addr.Addr(rnd.Uint64N(4<<20))
			}
			if len(tables) > 0 && rnd.IntN(3) == 0 {
				i := rnd.IntN(len(tables))
				a = data + addr.Addr(uint64(tables[i])<<21+uint64(i)<<12+rnd.Uint64N(pageSize))
			}
			got, want := make([]byte, 1+rnd.IntN(3*pageSize)), make([]byte, 3*pageSize)
			want = want[:len(got)]
			err, stubErr := d.t.ReadAs(t.Context(), cpu, got, a), d.fakeStub.ReadMemory(t.Context(), cpu.Thread, uint64(a), want)
			if (err == nil) != (stubErr == nil) || err == nil && !bytes.Equal(got, want) {
				t.Fatalf("%d bytes at %v: error %v, of the stub %v", len(got), a, err, stubErr)
			}
		}
	})
}
