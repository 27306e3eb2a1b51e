package kernel

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"log/slog"

	"ktrap/session/target"
	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

// fakeMemory is guest memory made of words and bytes put somewhere; pages that
// nothing was put in are not mapped.
type fakeMemory map[addr.Addr][]byte

const pageSize = 4096

func (m fakeMemory) ReadMemory(p []byte, a addr.Addr) error {
	for len(p) > 0 {
		page := m[a&^(pageSize-1)]
		if page == nil {
			return &target.FaultError{Addr: a}
		}
		n := copy(p, page[a&(pageSize-1):])
		p, a = p[n:], a+addr.Addr(n)
	}
	return nil
}

func (m fakeMemory) put(a addr.Addr, b []byte) {
	for len(b) > 0 {
		base := a &^ (pageSize - 1)
		if m[base] == nil {
			m[base] = make([]byte, pageSize)
		}
		n := copy(m[base][a-base:], b)
		b, a = b[n:], a+addr.Addr(n)
	}
}

func (m fakeMemory) put64(a addr.Addr, v uint64) {
	m.put(a, binary.LittleEndian.AppendUint64(nil, v))
}

func (m fakeMemory) put32(a addr.Addr, v uint32) {
	m.put(a, binary.LittleEndian.AppendUint32(nil, v))
}

// fakeLayout is a struct: its size, and offset and size of fields.
type fakeLayout struct {
	size   int64
	fields map[string][2]int64
}

func (l fakeLayout) Size() int64 { return l.size }

func (l fakeLayout) Field(path string) (types.Field, bool) {
	f, ok := l.fields[path]
	return types.Field{Name: path, Off: f[0], Size: f[1]}, ok
}

type fakeLayouts map[string]fakeLayout

func (l fakeLayouts) Layout(name string) (layout, error) {
	if s, ok := l[name]; ok {
		return s, nil
	}
	return nil, types.ErrNotFound
}

// fakeImage is a vmlinux.
type fakeImage struct {
	syms   map[string]addr.LinkAddr
	banner string
	id     string
	notes  addr.LinkAddr
	sect   map[string][]byte
}

func (f *fakeImage) Path() string    { return "vmlinux" }
func (f *fakeImage) BuildID() string { return f.id }
func (f *fakeImage) Banner() string  { return f.banner }

func (f *fakeImage) Symbol(name string) (symbols.Symbol, bool) {
	a, ok := f.syms[name]
	return symbols.Symbol{Name: name, Addr: a}, ok
}

func (f *fakeImage) Section(name string) ([]byte, error) {
	if b, ok := f.sect[name]; ok {
		return b, nil
	}
	return nil, errors.New("no such section")
}

func (f *fakeImage) SectionAddr(name string) (a, size uint64, ok bool) {
	switch name {
	case ".notes":
		return uint64(f.notes), 36, f.notes != 0
	case ".orc_unwind_ip":
		return uint64(f.syms["__start_orc_unwind_ip"]), uint64(len(f.sect[name])), f.sect[name] != nil
	}
	return 0, 0, false
}

const (
	testSlide addr.Slide = 0x19a00000
	testID               = "00112233445566778899aabbccddeeff00112233"
	heap      addr.Addr  = 0xffff888000000000
)

// guest is a kernel in memory.
type guest struct {
	fakeMemory
	*Kernel
	img  *fakeImage
	next addr.Addr // free heap
}

// newGuest makes a kernel of 6.1's kind, to which tests add what they need.
func newGuest() *guest {
	g := &guest{fakeMemory: fakeMemory{}, next: heap, img: &fakeImage{
		banner: "Linux version 6.1.0 (me@host) (gcc (Debian) 12) #1 SMP Debian 6.1.1-1 (2026-01-01)",
		id:     testID,
		notes:  0xffffffff82400000,
		sect:   map[string][]byte{},
		syms: map[string]addr.LinkAddr{
			"_text": 0xffffffff81000000, "linux_banner": 0xffffffff82100000,
			"asm_exc_page_fault": 0xffffffff81c00be0, "asm_exc_divide_error": 0xffffffff81c00990,
		},
	}}
	g.Kernel = &Kernel{
		Slide: testSlide, image: g.img, sections: g.img, layouts: fakeLayouts{}, log: slog.New(slog.DiscardHandler),
		view: func(context.Context) target.Memory { return g.fakeMemory },
		few:  func(context.Context) target.Memory { return g.fakeMemory },
	}
	return g
}

// alloc gives n bytes of heap, in one page if they fit.
func (g *guest) alloc(n int) addr.Addr {
	n = (n + 63) &^ 63
	if g.next&(pageSize-1)+addr.Addr(n) > pageSize {
		g.next = (g.next + pageSize - 1) &^ (pageSize - 1)
	}
	a := g.next
	g.next += addr.Addr(n)
	g.put(a, make([]byte, n))
	return a
}

// static adds a symbol with up to a page of memory and returns where it runs.
func (g *guest) static(name string) addr.Addr {
	a := addr.LinkAddr(0xffffffff82b00000 + uint64(len(g.img.syms))*pageSize)
	g.img.syms[name] = a
	g.put(testSlide.Run(a), make([]byte, pageSize))
	return testSlide.Run(a)
}

// variable adds a symbol with eight bytes of value.
func (g *guest) variable(name string, v uint64) { g.put64(g.static(name), v) }

// str puts a string on the heap.
func (g *guest) str(s string) addr.Addr {
	a := g.alloc(len(s) + 1)
	g.put(a, []byte(s))
	return a
}

// boot puts what proves a kernel into memory: IDT, banner, notes.
func (g *guest) boot(slide addr.Slide) {
	idt := make([]byte, 256*gateSize)
	for v, name := range map[int]string{vectorDivide: "asm_exc_divide_error", vectorPageFault: "asm_exc_page_fault"} {
		h := uint64(slide.Run(g.img.syms[name]))
		binary.LittleEndian.PutUint16(idt[v*gateSize:], uint16(h))
		binary.LittleEndian.PutUint16(idt[v*gateSize+6:], uint16(h>>16))
		binary.LittleEndian.PutUint32(idt[v*gateSize+8:], uint32(h>>32))
	}
	g.put(idtBase, idt)
	g.put(slide.Run(g.img.syms["_text"]), []byte{0x90})
	g.put(slide.Run(g.img.syms["linux_banner"]), []byte(g.img.banner+"\n\x00"))
	g.put(slide.Run(g.img.notes), note(g.img.id))
}

// note is a build-id note.
func note(id string) []byte {
	raw, err := hex.DecodeString(id)
	if err != nil {
		panic(err)
	}
	return append([]byte("\x04\x00\x00\x00\x14\x00\x00\x00\x03\x00\x00\x00GNU\x00"), raw...)
}

// finder looks into the guest, whose pages are what its page tables map.
func (g *guest) finder() *finder {
	return &finder{image: g.img, sections: g.img, mem: g.fakeMemory, mapped: func(a addr.Addr) (bool, error) {
		return g.fakeMemory[a] != nil, nil
	}}
}

func viewOf(m target.Memory) func(context.Context) target.Memory {
	return func(context.Context) target.Memory { return m }
}
