//go:build qemu

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ktrap/session/guest"
	"ktrap/session/lab"
	"ktrap/session/vm"
	"ktrap/symbols/symtest"
)

// decodeWait bounds one boot with its crashes.
const decodeWait = 6 * time.Minute

// TestFreshLogsAreDecodedAsLLVMDoes crashes the kernels of the lab several times
// and compares every reliable frame of what came over the serial line.
func TestFreshLogsAreDecodedAsLLVMDoes(t *testing.T) {
	for _, series := range []string{"6.1", "6.12"} {
		t.Run(series, func(t *testing.T) {
			l, err := lab.Open(nil)
			if err != nil {
				t.Fatal(err)
			}
			k, err := l.Prepare(t.Context(), series, nil)
			if err != nil {
				t.Fatalf("the tag qemu is set, so the lab must be there: %v", err)
			}
			vmlinux, modules := pathOf(t, k, "vmlinux"), pathOf(t, k, "modules")
			log := crashedConsole(t, k, []string{"warn", "bug", "null", "gpf", "listadd", "refcount", "kthread", "panic"})
			status, out := output(t, "", "decode", "--layout", "syzbot", "--vmlinux", vmlinux, "--modules", modules, log)
			if status != exitDone {
				t.Fatalf("status %d", status)
			}
			n := symtest.CompareDecoded(t, vmlinux, map[string]string{"crashme": filepath.Join(modules, "crashme.ko")}, out)
			if n < 60 {
				t.Errorf("only %d frames were compared", n)
			}
			t.Logf("%d frames compared", n)
			_, objects := output(t, "", "decode", "--format", "json", "--vmlinux", vmlinux, "--modules", modules, log)
			if crashes := strings.Count(objects, "\n"); crashes < 7 || strings.Contains(objects, `"proven":false`) {
				t.Errorf("%d crashes:\n%.4000s", crashes, objects)
			}
		})
	}
}

func pathOf(t *testing.T, k *lab.Kernel, name string) string {
	t.Helper()
	path, err := k.Path(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// crashedConsole boots a kernel, crashes it in several ways, the last of them a
// panic, and gives a file with what it printed.
func crashedConsole(t *testing.T, k *lab.Kernel, keywords []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), decodeWait)
	defer cancel()
	v, err := vm.Start(ctx, k.VMOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := v.Close(); err != nil {
			t.Errorf("close the VM: %v", err)
		}
	}()
	g, err := guest.Wait(ctx, k.GuestOptions(v))
	if err != nil {
		t.Fatalf("reach the guest: %v\n%s", err, v.Console().Tail(4<<10))
	}
	defer g.Close()
	for _, word := range keywords {
		from := v.Console().Offset()
		end := "---[ end trace "
		if word == "panic" {
			end = "---[ end Kernel panic"
		}
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx, "echo "+word+" > /proc/crashme", nil) }()
		if _, err := v.Console().WaitFor(ctx, from, end); err != nil {
			t.Fatalf("%s: %v\n%s", word, err, v.Console().Tail(4<<10))
		}
		if word != "panic" && word != "kthread" {
			<-done // it was killed, as a rule
		}
	}
	text, _ := v.Console().Since(0)
	path := filepath.Join(t.ArtifactDir(), "console.log")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
