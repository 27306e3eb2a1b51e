//go:build qemu

package main

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"ktrap/session"
	"ktrap/session/lab"
	"ktrap/session/vm"
)

func TestDoctorComparesVmlinuxWithTheGuest(t *testing.T) {
	l, err := lab.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	vmlinux := map[string]string{}
	var k *lab.Kernel
	for _, series := range []string{"6.12", "6.1"} {
		if k, err = l.Prepare(t.Context(), series, nil); err != nil {
			t.Fatal(err)
		}
		if vmlinux[series], err = k.Path("vmlinux"); err != nil {
			t.Fatal(err)
		}
	}
	v, err := vm.Start(t.Context(), k.VMOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	g, err := k.WaitReady(t.Context(), v, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	log := slog.New(slog.DiscardHandler)
	right := guestFindings(t.Context(), v.GDBAddr(), vmlinux["6.1"], log)
	if len(right) != 3 || slices.ContainsFunc(right, func(f finding) bool { return f.State != "ok" }) {
		t.Errorf("the right vmlinux: %+v", right)
	}
	wrong := guestFindings(t.Context(), v.GDBAddr(), vmlinux["6.12"], log)
	refused := session.Run(t.Context(), &session.Options{Stub: v.GDBAddr(), Vmlinux: vmlinux["6.12"]},
		func(context.Context, *session.Session) error { return nil })
	if len(wrong) != 2 || wrong[1].State != "wrong" || refused == nil || wrong[1].Detail != refused.Error() {
		t.Errorf("the wrong vmlinux: %+v; attach says %v", wrong, refused)
	}
	if s, err := v.QMP().Status(t.Context()); s != "running" || err != nil {
		t.Errorf("the guest is %s afterwards, %v", s, err)
	}
}
