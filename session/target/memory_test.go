package target

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"ktrap/rsp"
	"ktrap/symbols/addr"
)

func TestKernelMemoryIsReadWhateverTheCPUsDo(t *testing.T) {
	tests := []struct {
		name   string
		levels int
		cpus   func(m *machine)
		walked bool // page tables had to be walked
	}{
		{"one CPU in the kernel", 4, func(m *machine) { m.addCPU(false, m.kernel) }, false},
		{"the other CPU is in the kernel", 4, func(m *machine) { m.addCPU(true, m.users); m.addCPU(false, m.kernel) }, false},
		{"all CPUs in user mode under page-table isolation", 4, func(m *machine) { m.addCPU(true, m.users|0x801) }, true},
		{"the same with 5 levels", 5, func(m *machine) { m.addCPU(true, m.users) }, true},
		{"between entry and the CR3 switch", 4, func(m *machine) { m.addCPU(false, m.users) }, true},
		{"user mode without isolation", 4, func(m *machine) { m.addCPU(true, m.kernel) }, true},
		{"a CPU that was never started beside one that runs", 4, func(m *machine) {
			m.addCPU(false, 0)
			m.cpus[0]["cr0"] = 0
			m.addCPU(false, m.kernel)
		}, false},
		{"CR3 is garbage but the kernel's own table is known", 4, func(m *machine) {
			m.addCPU(true, 0x7ffffffff000)
			m.t.SetKernelRoot(m.kernel)
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(tt.levels)
			tt.cpus(m)
			mem := m.t.Memory(t.Context())
			for a, want := range map[addr.Addr]string{text: "text", text + pageSize: "more", data: "data", area: "idt\x00"} {
				if got := readString(t, mem, a, 4); got != want {
					t.Errorf("%#x holds %q, want %q", uint64(a), got, want)
				}
			}
			if walked := m.entered > 0; walked != tt.walked {
				t.Errorf("page tables walked = %v, want %v", walked, tt.walked)
			}
			if m.inPhys {
				t.Error("physical mode was left on")
			}
			var fault *FaultError
			if err := mem.ReadMemory(make([]byte, 8), data+2*pageSize); !errors.As(err, &fault) || fault.Addr != data+2*pageSize {
				t.Errorf("unmapped memory gives %v", err)
			}
		})
	}
}

func TestReadsSpanPagesAndNameTheFirstByteThatFaults(t *testing.T) {
	m := newMachine(4)
	m.addCPU(false, m.kernel)
	mem := m.t.Memory(t.Context())
	if got := readString(t, mem, text+pageSize-4, 8); got != "\x00\x00\x00\x00more" {
		t.Errorf("across pages: %q", got)
	}
	var fault *FaultError
	if err := mem.ReadMemory(make([]byte, 2*pageSize), data+8); !errors.As(err, &fault) || fault.Addr != data+pageSize {
		t.Errorf("read past the end gives %v", err)
	}
	for _, a := range []addr.Addr{0, user, 0x8000000000000000, ^addr.Addr(7)} {
		if err := mem.ReadMemory(make([]byte, 64), a); !errors.As(err, &fault) {
			t.Errorf("%#x gives %v, want a fault", uint64(a), err)
		}
	}
	if err := mem.ReadMemory(nil, 0); err != nil {
		t.Errorf("reading nothing: %v", err)
	}
}

func TestUserMemoryIsThatOfTheCPUOrOfTheTable(t *testing.T) {
	m := newMachine(4)
	m.addCPU(true, m.users)
	ctx := t.Context()
	cpus, err := m.t.CPUs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for name, mem := range map[string]Memory{"CPU": m.t.MemoryOf(ctx, cpus[0]), "table": m.t.MemoryIn(ctx, m.users)} {
		if got := readString(t, mem, user, 4); got != "user" {
			t.Errorf("%s: user memory is %q", name, got)
		}
		if got := readString(t, mem, data, 4); got != "data" {
			t.Errorf("%s: kernel memory is %q", name, got)
		}
	}
}

func TestAStopIsReadOnceAndForgottenWhenItEnds(t *testing.T) {
	m := newMachine(4)
	m.addCPU(false, m.kernel)
	ctx := t.Context()
	mem := m.t.Memory(ctx)
	readString(t, mem, data, 4)
	readString(t, m.t.Memory(ctx), data+100, 4)
	if m.virt != 1 {
		t.Errorf("the page was read %d times", m.virt)
	}
	for range 2 {
		if err := mem.ReadMemory(make([]byte, 1), data-1); err == nil {
			t.Error("unmapped memory was read")
		}
	}
	if m.entered != 1 {
		t.Errorf("a known fault was walked %d times", m.entered)
	}
	m.t.Invalidate()
	if err := mem.ReadMemory(make([]byte, 1), data); !errors.Is(err, ErrStale) {
		t.Errorf("old view gives %v", err)
	}
	readString(t, m.t.Memory(ctx), data, 4)
	if m.virt != 3 {
		t.Errorf("%d reads, want a new one after the resume", m.virt)
	}
}

func TestAResumeInTheMiddleOfAReadIsNoticed(t *testing.T) {
	m := newMachine(4)
	m.addCPU(false, m.kernel)
	m.onRead = m.t.Invalidate
	if err := m.t.Memory(t.Context()).ReadMemory(make([]byte, 4), data); !errors.Is(err, ErrStale) {
		t.Errorf("read across a resume gives %v", err)
	}
}

func TestWritesAreSeenByLaterReads(t *testing.T) {
	m := newMachine(4)
	m.addCPU(false, m.kernel)
	ctx := t.Context()
	mem := m.t.Memory(ctx)
	readString(t, mem, data, 4)
	cpus, _ := m.t.CPUs(ctx)
	if err := m.t.WriteMemory(ctx, cpus[0], data, []byte("DATA")); err != nil {
		t.Fatal(err)
	}
	if got := readString(t, mem, data, 4); got != "DATA" {
		t.Errorf("after the write: %q", got)
	}
}

func TestAStubWithoutPhysicalModeShowsWhatItsCPUsSee(t *testing.T) {
	m := newMachine(4)
	m.noPhys = true
	m.addCPU(false, m.kernel)
	mem := m.t.Memory(t.Context())
	var fault *FaultError
	if err := mem.ReadMemory(make([]byte, 1), data-1); !errors.As(err, &fault) {
		t.Errorf("unmapped memory gives %v, want a fault", err)
	}
	if got := readString(t, mem, data, 4); got != "data" {
		t.Errorf("data is %q", got)
	}
}

func TestTranslateFindsThePhysicalAddress(t *testing.T) {
	m := newMachine(4)
	m.addCPU(true, m.users)
	pa, err := m.t.Translate(t.Context(), text+0x1234)
	if err != nil {
		t.Fatal(err)
	}
	var got [4]byte
	if err := m.t.ReadPhysical(t.Context(), got[:], pa&^0xfff); err != nil || string(got[:]) != "more" {
		t.Errorf("physical %#x holds %q, %v", pa, got, err)
	}
	if _, err := m.t.Translate(t.Context(), 0xffffffffc0000000); err == nil {
		t.Error("an unmapped address was translated")
	}
	m.cpus[0]["cr0"] = 0
	m.t.Invalidate()
	if _, err := m.t.Translate(t.Context(), text); !errors.Is(err, ErrNoPaging) {
		t.Errorf("without paging: %v", err)
	}
}

func TestLargeReadsComeInRunsNotInPages(t *testing.T) {
	m := newMachine(4)
	root, page := m.kernel, m.page(512)
	for i := range uint64(512) {
		m.phys[page+i*pageSize] = bytes.Repeat([]byte{byte(i)}, pageSize)
	}
	m.mapAt(root, 0xffffc90000000000, page, 2)
	m.addCPU(false, root)
	p := make([]byte, 512*pageSize-2)
	if err := m.t.Memory(t.Context()).ReadMemory(p, 0xffffc90000000001); err != nil {
		t.Fatal(err)
	}
	if p[0] != 0 || p[len(p)-1] != 0xff || p[300*pageSize] != 300&0xff {
		t.Error("bytes are in the wrong place")
	}
	if m.virt > 4 {
		t.Errorf("%d requests for 2 MiB", m.virt)
	}
}

func TestRegistersGoByNameAndAreReadOncePerStop(t *testing.T) {
	m := newMachine(5)
	m.addCPU(true, m.users)
	m.cpus[0]["rip"], m.cpus[0]["rbx"] = 0x401000, 77
	ctx := t.Context()
	cpus, err := m.t.CPUs(ctx)
	if err != nil || len(cpus) != 1 || cpus[0].Thread.String() != "p1.1" {
		t.Fatalf("CPUs are %v, %v", cpus, err)
	}
	r, err := m.t.Regs(ctx, cpus[0])
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := r.Get("rbx"); v != 77 || !ok || r.PC() != 0x401000 || !r.UserMode() || r.levels() != 5 {
		t.Errorf("rbx %d %v, pc %v, user %v, levels %d", v, ok, r.PC(), r.UserMode(), r.levels())
	}
	if _, ok := r.Get("xmm0"); ok {
		t.Error("a register the stub does not have is known")
	}
	regs := r.CFI()
	if _, ok := regs.Get(0); ok || regs.PC() != 0x401000 {
		t.Error("CFI registers: rax is known or rip is not")
	}
	if err := m.t.WriteRegister(ctx, cpus[0], "rbx", 78); err != nil {
		t.Fatal(err)
	}
	if r, _ := m.t.Regs(ctx, cpus[0]); r == nil || m.regs != 2 {
		t.Fatalf("registers were read %d times", m.regs)
	} else if v, _ := r.Get("rbx"); v != 78 {
		t.Errorf("rbx after the write is %d", v)
	}
	if m.xfers != 1 {
		t.Errorf("target.xml was read %d times", m.xfers)
	}
}

func TestAShortRegisterReplyLeavesTheRestUnknown(t *testing.T) {
	desc, err := ParseDescription(func(string) ([]byte, error) {
		return []byte(`<target><reg name="a" bitsize="64"/><reg name="b" bitsize="32"/><reg name="w" bitsize="128"/></target>`), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &Regs{desc: desc, raw: append(bytes.Repeat([]byte{1}, 8), 2, 0)}
	if v, ok := r.Get("a"); !ok || v != 0x0101010101010101 {
		t.Errorf("a = %#x, %v", v, ok)
	}
	for _, n := range []string{"b", "w"} {
		if _, ok := r.Get(n); ok {
			t.Errorf("%s is known", n)
		}
	}
	n := 0
	for range r.All() {
		n++
	}
	if n != 1 {
		t.Errorf("%d registers yielded", n)
	}
}

func TestAClosedContextEndsAReadWithItsError(t *testing.T) {
	m := newMachine(4)
	m.addCPU(false, m.kernel)
	broken := errors.New("connection closed")
	mem := newTarget(failing{m.fakeStub, broken}, nil).Memory(context.Background())
	err := mem.ReadMemory(make([]byte, 4), data)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "0xffff888001234000") {
		t.Errorf("got %v", err)
	}
}

// failing is a stub whose connection breaks at the first read.
type failing struct {
	*fakeStub
	err error
}

func (f failing) ReadMemory(context.Context, rsp.ThreadID, uint64, []byte) error { return f.err }

func TestWhatBreakpointsHideIsPutBack(t *testing.T) {
	m := newMachine(4)
	m.addCPU(false, m.kernel)
	m.t.show = func(p []byte, a addr.Addr) {
		if a == text {
			p[0] = 'T'
		}
	}
	if got := readString(t, m.t.Memory(t.Context()), text, 4); got != "Text" {
		t.Errorf("read %q", got)
	}
}

func TestRegistersThatCameWithTheStopAreNotReadAgain(t *testing.T) {
	m := newMachine(4)
	m.addCPU(true, m.users)
	m.addCPU(false, m.kernel)
	if _, err := m.t.Description(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := rsp.ThreadID{PID: 1, TID: 2}
	raw, err := m.ReadRegisters(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	m.t.Invalidate()
	m.t.Learn(second, raw)
	m.regs, m.threads = 0, 0
	if got := readString(t, m.t.Memory(t.Context()), text, 4); got != "text" || m.regs != 0 || m.threads != 0 {
		t.Errorf("%q, registers read %d times, CPUs %d times", got, m.regs, m.threads)
	}
	m.t.Invalidate()
	if got := readString(t, m.t.Memory(t.Context()), text, 4); got != "text" || m.regs == 0 {
		t.Errorf("%q, registers of the next stop read %d times", got, m.regs)
	}
}
