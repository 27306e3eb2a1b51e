package target

import (
	"errors"
	"testing"

	"ktrap/symbols/addr"
)

func TestFewBytesAreReadWithoutTheirPage(t *testing.T) {
	m := newMachine(4)
	m.addCPU(false, m.kernel)
	ctx := t.Context()
	for a, want := range map[addr.Addr]string{data: "data", data + pageSize - 2: "\x00\x00", text + pageSize - 4: "\x00\x00\x00\x00more"} {
		before := m.bytes
		if got := readString(t, m.t.Few(ctx), a, len(want)); got != want || m.bytes-before != len(want) {
			t.Errorf("%#x holds %q, want %q; %d bytes were read", uint64(a), got, want, m.bytes-before)
		}
	}
	readString(t, m.t.Memory(ctx), data, 4)
	before := m.bytes
	if got := readString(t, m.t.Few(ctx), data, 4); got != "data" || m.bytes != before {
		t.Errorf("a page that is known: %q, %d bytes were read", got, m.bytes-before)
	}
	var fault *FaultError
	for _, a := range []addr.Addr{0, user, data + 4*pageSize, ^addr.Addr(3)} {
		if err := m.t.Few(ctx).ReadMemory(make([]byte, 8), a); !errors.As(err, &fault) {
			t.Errorf("%#x gives %v, want a fault", uint64(a), err)
		}
	}
	old := m.t.Few(ctx)
	m.t.Invalidate()
	if err := old.ReadMemory(make([]byte, 4), text); !errors.Is(err, ErrStale) {
		t.Errorf("an old view gives %v", err)
	}
}

func TestFewBytesAreReadWhateverTheCPUsDo(t *testing.T) {
	m := newMachine(4)
	m.addCPU(true, m.users) // page-table isolation: none shows the kernel
	if got := readString(t, m.t.Few(t.Context()), data, 4); got != "data" || m.entered == 0 {
		t.Errorf("%q, page tables walked %d times", got, m.entered)
	}
}

func TestWhatWasReadAheadIsNotReadAgainUntilItMayHaveChanged(t *testing.T) {
	m := newMachine(4)
	m.addCPU(false, m.kernel)
	ctx := t.Context()
	cpus, err := m.t.CPUs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m.t.LearnMemory(m.t.Epoch(), []byte("-ahead-"), data-1)
	p := make([]byte, 5)
	if err := m.t.ReadAs(ctx, cpus[0], p, data); err != nil || string(p) != "ahead" || m.virt != 0 {
		t.Errorf("%q, %v, %d questions", p, err, m.virt)
	}
	if got := readString(t, m.t.Few(ctx), data, 5); got != "ahead" || m.virt != 0 {
		t.Errorf("%q, %d questions", got, m.virt)
	}
	if err := m.t.ReadAs(ctx, cpus[0], p, data+2); err != nil || string(p[:2]) != "ta" {
		t.Errorf("more than was read ahead: %q, %v", p, err)
	}
	forget := map[string]func() error{
		"a write":    func() error { return m.t.WriteMemory(ctx, cpus[0], data+100, []byte{1}) },
		"a register": func() error { return m.t.WriteRegister(ctx, cpus[0], "rbx", 1) },
		"a resume":   func() error { m.t.Invalidate(); return nil },
	}
	for name, change := range forget {
		m.t.Invalidate()
		epoch := m.t.Epoch()
		m.t.LearnMemory(epoch, []byte("ahead"), data)
		if got := readString(t, m.t.Few(ctx), data, 5); got != "ahead" {
			t.Errorf("before %s: %q", name, got)
		}
		if err := change(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := readString(t, m.t.Few(ctx), data, 4); got != "data" {
			t.Errorf("after %s: %q", name, got)
		}
		m.t.LearnMemory(epoch, []byte("ahead"), data) // was under way
		if got := readString(t, m.t.Few(ctx), data, 4); got != "data" {
			t.Errorf("of before %s: %q", name, got)
		}
	}
}
