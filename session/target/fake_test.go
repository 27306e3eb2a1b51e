package target

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"ktrap/rsp"
	"ktrap/symbols/addr"
)

// fakeRegs are the registers of a fakeStub: eight bytes each, in this order.
var fakeRegs = []string{"rip", "rsp", "rbx", "cs", "gs_base", "k_gs_base", "cr0", "cr3", "cr4", "efer"}

// fakeStub is a machine made of physical pages, page tables in them, and CPUs
// that see memory through those tables.
type fakeStub struct {
	phys    map[uint64][]byte
	cpus    []map[string]uint64
	next    uint64 // next free physical page
	levels  int
	onRead  func() // before each virtual read
	monitor func(command string) (string, error)
	noPhys  bool
	inPhys  bool
	xfers   int
	regs    int
	threads int
	virt    int
	bytes   int // read by virtual address
	entered int // times physical mode was turned on
}

func newFakeStub(levels int) *fakeStub {
	return &fakeStub{phys: map[uint64][]byte{}, next: 0x100000, levels: levels}
}

// addCPU adds a CPU in long mode.
func (f *fakeStub) addCPU(user bool, cr3 uint64) {
	r := map[string]uint64{"cs": 0x10, "cr0": cr0Paging, "efer": eferLMA, "cr3": cr3}
	if user {
		r["cs"] = 0x33
	}
	if f.levels == 5 {
		r["cr4"] = cr4LA57
	}
	f.cpus = append(f.cpus, r)
}

// page allocates n physical pages, aligned to their size.
func (f *fakeStub) page(n uint64) uint64 {
	size := n * pageSize
	f.next = (f.next + size - 1) &^ (size - 1)
	at := f.next
	f.next += size
	for i := range min(n, 2) {
		f.phys[at+i*pageSize] = make([]byte, pageSize)
	}
	return at
}

// mapAt maps va to pa with an entry at a level: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB.
func (f *fakeStub) mapAt(root uint64, va addr.Addr, pa uint64, level int) {
	table := root
	for l := f.levels; l > level; l-- {
		slot := f.phys[table][uint64(va)>>(12+9*(l-1))&0x1ff*8:]
		e := binary.LittleEndian.Uint64(slot)
		if e == 0 {
			e = f.page(1) | 0x63 | 1<<52 | 1<<63 // software bits and NX set: readers mask them
			binary.LittleEndian.PutUint64(slot, e)
		}
		table = e & pteAddr
	}
	e := pa | 0x63 | 1<<63
	if level > 1 {
		e |= pteLarge | 1<<12 // PAT
	}
	binary.LittleEndian.PutUint64(f.phys[table][uint64(va)>>(12+9*(level-1))&0x1ff*8:], e)
}

func (f *fakeStub) Threads(context.Context) ([]rsp.ThreadID, error) {
	f.threads++
	var out []rsp.ThreadID
	for i := len(f.cpus); i > 0; i-- { // out of order
		out = append(out, rsp.ThreadID{PID: 1, TID: i})
	}
	return out, nil
}

func (f *fakeStub) Xfer(_ context.Context, object, annex string) ([]byte, error) {
	f.xfers++
	if object != "features" || annex != "target.xml" {
		return nil, fmt.Errorf("no %s %s", object, annex)
	}
	var b strings.Builder
	b.WriteString("<target>")
	for i, n := range fakeRegs {
		fmt.Fprintf(&b, `<reg name=%q bitsize="64" regnum="%d"/>`, n, i)
	}
	return []byte(b.String() + "</target>"), nil
}

func (f *fakeStub) Monitor(_ context.Context, command string) (string, error) {
	if f.monitor == nil {
		return "", rsp.ErrUnsupported
	}
	return f.monitor(command)
}

func (f *fakeStub) ReadRegisters(_ context.Context, t rsp.ThreadID) ([]byte, error) {
	f.regs++
	var raw []byte
	for _, n := range fakeRegs {
		raw = binary.LittleEndian.AppendUint64(raw, f.cpus[t.TID-1][n])
	}
	return raw, nil
}

func (f *fakeStub) WriteRegister(_ context.Context, t rsp.ThreadID, n int, raw []byte) error {
	f.cpus[t.TID-1][fakeRegs[n]] = binary.LittleEndian.Uint64(raw)
	return nil
}

// see translates as the MMU of a CPU would, by CR3 as it is.
func (f *fakeStub) see(t rsp.ThreadID, a uint64) ([]byte, error) {
	r := f.cpus[t.TID-1]
	m, err := walk(func(pa uint64) (uint64, error) {
		page := f.phys[pa&^(pageSize-1)]
		if page == nil {
			return 0, &rsp.Error{Code: 14}
		}
		return entryIn(page, pa), nil
	}, r["cr3"]&cr3TopMask, f.levels, addr.Addr(a))
	if r["cr0"]&cr0Paging == 0 {
		m, err = mapping{pa: a}, nil
	}
	page := f.phys[m.pa&^(pageSize-1)]
	if err != nil || page == nil {
		return nil, &rsp.Error{Code: 14}
	}
	return page[m.pa&(pageSize-1):], nil
}

func (f *fakeStub) ReadMemory(_ context.Context, t rsp.ThreadID, a uint64, p []byte) error {
	f.virt++
	f.bytes += len(p)
	if f.onRead != nil {
		f.onRead()
	}
	for len(p) > 0 {
		b, err := f.see(t, a)
		if err != nil {
			return err
		}
		n := copy(p, b)
		p, a = p[n:], a+uint64(n)
	}
	return nil
}

func (f *fakeStub) WriteMemory(_ context.Context, t rsp.ThreadID, a uint64, p []byte) error {
	b, err := f.see(t, a)
	copy(b, p)
	return err
}

func (f *fakeStub) Physical(_ context.Context, g func(physRead) error) error {
	if f.noPhys {
		return rsp.ErrUnsupported
	}
	f.entered++
	f.inPhys = true
	defer func() { f.inPhys = false }()
	return g(func(p []byte, pa uint64) error {
		page := f.phys[pa&^(pageSize-1)]
		if page == nil {
			return &rsp.Error{Code: 14}
		}
		copy(p, page[pa&(pageSize-1):])
		return nil
	})
}

const (
	text addr.Addr = 0xffffffff9aa00000
	data addr.Addr = 0xffff888001234000
	area addr.Addr = idtAlias
	user addr.Addr = 0x7f0012345000

	idtAlias addr.Addr = 0xfffffe0000000000
)

// machine is a fakeStub with a kernel: text in a 2 MiB page, data in a 4 KiB
// page, the IDT alias and one user page. Its tables are a pair as under
// page-table isolation: the second table shows only the alias and the user page.
type machine struct {
	*fakeStub
	t      *Target
	kernel uint64 // root
	users  uint64 // root of the user's table: kernel + one page
}

func newMachine(levels int) *machine {
	f := newFakeStub(levels)
	root := f.page(2)
	m := &machine{fakeStub: f, t: newTarget(f, nil), kernel: root, users: root + pageSize}
	code, words, idt, own := f.page(512), f.page(1), f.page(1), f.page(1)
	copy(f.phys[code], "text")
	copy(f.phys[code+pageSize], "more")
	copy(f.phys[words], "data")
	copy(f.phys[idt], "idt")
	copy(f.phys[own], "user")
	f.mapAt(m.kernel, text, code, 2)
	f.mapAt(m.kernel, data, words, 1)
	for _, r := range []uint64{m.kernel, m.users} {
		f.mapAt(r, area, idt, 1)
		f.mapAt(r, user, own, 1)
	}
	return m
}

func readString(t *testing.T, m Memory, a addr.Addr, n int) string {
	t.Helper()
	p := make([]byte, n)
	if err := m.ReadMemory(p, a); err != nil {
		t.Fatalf("read %#x: %v", uint64(a), err)
	}
	return string(p)
}
