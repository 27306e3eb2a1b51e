package session

import (
	"context"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ktrap/rsp/rsptest"
	"ktrap/session/machine"
	"ktrap/symbols/addr"
	"ktrap/symbols/symtest"
)

// text is where the fake guest has code.
const text addr.Addr = 0xffffffff81000000

// unbooted is a stub whose guest has no kernel yet, and a vmlinux that may
// become its kernel's.
func unbooted(t *testing.T) (*rsptest.Machine, *Options) {
	t.Helper()
	banner := append([]byte("Linux version 6.1.0-test (a@b) (gcc) #1 SMP\n"), 0)
	image := symtest.ELF{
		BuildID:  []byte("01234567890123456789"),
		Sections: []symtest.Section{{Name: ".rodata", Flags: elf.SHF_ALLOC, Addr: 0xffffffff82000000, Data: banner}},
		Symbols:  []symtest.Symbol{{Name: "linux_banner", Section: 1, Value: 0xffffffff82000000, Size: uint64(len(banner)), Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL}},
	}
	path := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(path, image.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	m := &rsptest.Machine{
		CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}, {Regs: rsptest.NewRegs()}},
		Mem:  []rsptest.Segment{{Addr: uint64(text), Data: []byte{0xf3, 0x0f, 0x1e, 0xfa}}},
	}
	return m, &Options{Vmlinux: path, Stub: rsptest.ListenUnix(t, m.Handle)}
}

func TestUnderKVMTheFifthHardwareBreakpointIsRefused(t *testing.T) {
	m, o := unbooted(t)
	var mu sync.Mutex // the stub's goroutine asks, the test looks
	var asked []string
	m.Monitor = func(cmd string) string {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, cmd)
		return "kvm support: enabled\r\n"
	}
	err := Run(t.Context(), o, func(ctx context.Context, s *Session) error {
		return s.Do(ctx, func(ctx context.Context, v *Stopped) error {
			for i := range addr.Addr(2) { // two watch the reset vector
				if err := v.Insert(ctx, machine.Point{Kind: machine.Hardware, Addr: text + i, Size: 1}, machine.User); err != nil {
					return err
				}
			}
			fifth := machine.Point{Kind: machine.WatchWrite, Addr: text, Size: 8}
			err := v.Insert(ctx, fifth, machine.User)
			if err == nil || !strings.Contains(err.Error(), "KVM has 4 hardware breakpoints and watchpoints, all in use") {
				t.Errorf("the fifth: %v", err)
			}
			if err := v.Remove(ctx, machine.Point{Kind: machine.Hardware, Addr: text, Size: 1}, machine.User); err != nil {
				return err
			}
			if err := v.Insert(ctx, fifth, machine.User); err != nil {
				t.Errorf("after one was removed: %v", err)
			}
			soft := machine.Point{Kind: machine.Software, Addr: text, Size: 1}
			if err := v.Insert(ctx, soft, machine.User); err != nil {
				return err
			}
			read := []byte{int3, 0x0f}
			if v.hidden.show(read, text); string(read) != "\xf3\x0f" {
				t.Errorf("text reads %x", read)
			}
			return v.Remove(ctx, soft, machine.User)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"info version", "info kvm"}; !slices.Equal(asked, want) {
		t.Errorf("the monitor was asked %q, want %q", asked, want)
	}
}

func TestAJobThatIsCancelledBeforeItBeginsNeverRuns(t *testing.T) {
	_, o := unbooted(t)
	err := Run(t.Context(), o, func(ctx context.Context, s *Session) error {
		return s.Do(ctx, func(ctx context.Context, v *Stopped) error {
			// This job has the stop lease: the next one waits.
			late, cancel := context.WithCancel(ctx)
			cancel()
			err := s.Do(late, func(context.Context, *Stopped) error {
				t.Error("it ran")
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}
