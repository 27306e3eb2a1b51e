package target

import (
	"context"
	"errors"
	"testing"
)

func TestNothingIsAskedWhereOnlyTheKnownIsWanted(t *testing.T) {
	m := newMachine(4)
	m.addCPU(false, m.kernel)
	cpus, err := m.t.CPUs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.t.Invalidate()
	asks := map[string]func(ctx context.Context) error{
		"the CPUs":        func(ctx context.Context) error { _, err := m.t.CPUs(ctx); return err },
		"registers":       func(ctx context.Context) error { _, err := m.t.Regs(ctx, cpus[0]); return err },
		"a register":      func(ctx context.Context) error { return m.t.WriteRegister(ctx, cpus[0], "rbx", 1) },
		"memory":          func(ctx context.Context) error { return m.t.Memory(ctx).ReadMemory(make([]byte, 4), data) },
		"few bytes":       func(ctx context.Context) error { return m.t.Few(ctx).ReadMemory(make([]byte, 4), data) },
		"a CPU's memory":  func(ctx context.Context) error { return m.t.ReadAs(ctx, cpus[0], make([]byte, 4), data) },
		"a write":         func(ctx context.Context) error { return m.t.WriteMemory(ctx, cpus[0], data, []byte("DATA")) },
		"physical memory": func(ctx context.Context) error { return m.t.ReadPhysical(ctx, make([]byte, 4), 0) },
		"where RAM lies":  func(ctx context.Context) error { _, err := m.t.stub.Monitor(ctx, "info mtree -f"); return err },
		"the description": func(ctx context.Context) error { _, err := m.t.stub.Xfer(ctx, "features", "target.xml"); return err },
	}
	for name, ask := range asks {
		before := m.virt + m.entered
		ctx, missed := OnlyKnown(t.Context())
		if err := ask(ctx); !errors.Is(err, ErrUnknown) || !missed() {
			t.Errorf("%s: %v, missed: %v", name, err, missed())
		}
		if n := m.virt + m.entered - before; n != 0 {
			t.Errorf("%s: %d questions", name, n)
		}
	}
	for name, ask := range asks { // nothing of that was taken for an answer
		switch name {
		case "where RAM lies", "the description", "physical memory": // the fake has none of them there
			continue
		}
		if err := ask(t.Context()); err != nil {
			t.Errorf("%s, asked for afterwards: %v", name, err)
		}
	}
	readString(t, m.t.Memory(t.Context()), data, 4)
	ctx, missed := OnlyKnown(t.Context())
	if got := readString(t, m.t.Memory(ctx), data, 4); got != "DATA" || missed() {
		t.Errorf("what is known: %q, missed: %v", got, missed())
	}
}

func TestDirectRAMIsNotGivenUpWhereOnlyTheKnownIsWanted(t *testing.T) {
	d := newDirect(t, 4)
	ctx, missed := OnlyKnown(t.Context())
	if d.t.TryDirectRAM(ctx) || !missed() || d.host.opens > 0 {
		t.Errorf("missed: %v, opened %d times", missed(), d.host.opens)
	}
	if !d.t.TryDirectRAM(t.Context()) {
		t.Errorf("afterwards: %s", d.t.DirectRAM())
	}
}
