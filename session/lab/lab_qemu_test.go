//go:build qemu

package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ktrap/session/guest"
	"ktrap/session/vm"
)

// prepared gives a ready kernel from the user's own lab, which a first run fills.
func prepared(t *testing.T, series string) (*Lab, *Kernel) {
	t.Helper()
	l, err := Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	if series == KASANSeries && l.kasan == "" {
		if _, err := l.Kernel(series); err != nil {
			t.Skip("KTRAP_LAB_KASAN names no kernel with sanitizers")
		}
	}
	step := ""
	k, err := l.Prepare(t.Context(), series, &PrepareOptions{Progress: func(e Event) {
		if e.Step != step {
			t.Log(e.Step)
			step = e.Step
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return l, k
}

func start(t *testing.T, o *vm.Options) *vm.VM {
	t.Helper()
	o.Dir = t.ArtifactDir()
	v, err := vm.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(v.CommandLine())
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func login(t *testing.T, k *Kernel, v *vm.VM) *guest.Guest {
	t.Helper()
	begin := time.Now()
	g, err := k.WaitReady(t.Context(), v, nil)
	if err != nil {
		if boot, ok := errors.AsType[*vm.BootError](err); ok {
			t.Logf("console:\n%s", vm.Printable(boot.Output))
		}
		t.Fatal(err)
	}
	t.Logf("SSH answers after %v", time.Since(begin))
	t.Cleanup(func() { _ = g.Close() })
	return g
}

func TestDebianKernelsBootAndCrashOnDemand(t *testing.T) {
	for _, series := range []string{"6.1", "6.12"} {
		t.Run(series, func(t *testing.T) {
			_, k := prepared(t, series)
			v := start(t, k.VMOptions())
			g := login(t, k, v)
			out, err := g.Output(t.Context(), "uname -r; cut -d' ' -f1 /proc/modules")
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range append(k.Modules(), k.Release) {
				if !bytes.Contains(out, []byte(want+"\n")) {
					t.Errorf("guest says %q, without %s", out, want)
				}
			}
			oops(t, v, g)
		})
	}
}

// oops makes the guest fail and waits for the end of what its kernel says.
func oops(t *testing.T, v *vm.VM, g *guest.Guest) {
	t.Helper()
	off := v.Console().Offset()
	err := g.Run(t.Context(), "echo null > /proc/crashme", nil)
	if exit, ok := errors.AsType[*guest.ExitError](err); !ok || exit.Signal != "KILL" {
		t.Errorf("the shell that crashed the kernel ended with %v, not by SIGKILL", err)
	}
	for _, text := range []string{"NULL pointer dereference", "Call Trace:", "c_null+", "---[ end trace"} {
		if _, err := v.Console().WaitFor(t.Context(), off, text); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilesReachTheGuestWithoutSFTP(t *testing.T) {
	_, k := prepared(t, "")
	v := start(t, k.VMOptions())
	g := login(t, k, v)
	data := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
	if err := g.Copy(t.Context(), bytes.NewReader(data), "/tmp/it's here", 0o750); err != nil {
		t.Fatal(err)
	}
	out, err := g.Output(t.Context(), `sha256sum < "/tmp/it's here"; stat -c %a "/tmp/it's here"`)
	if want := fmt.Sprintf("%x  -\n750\n", sha256.Sum256(data)); err != nil || string(out) != want {
		t.Errorf("guest has %q, %v; want %q", out, err, want)
	}
	if err := g.Copy(t.Context(), bytes.NewReader(data), "/nowhere/x", 0o600); err == nil {
		t.Error("copying into a folder that is not there succeeded")
	}
}

func TestRunReturnsAtOnceWhenTheGuestIsStopped(t *testing.T) {
	_, k := prepared(t, "")
	v := start(t, k.VMOptions())
	g := login(t, k, v)
	if err := v.QMP().Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := g.Run(ctx, "true", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run in a stopped guest gave %v", err)
	}
	if status, err := v.QMP().Status(t.Context()); err != nil || status != "paused" {
		t.Errorf("status is %q, %v", status, err)
	}
	if err := v.QMP().Cont(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Run(t.Context(), "true", nil); err != nil {
		t.Errorf("Run after the guest went on gave %v", err)
	}
}

func TestGuestRebootsAndPowersOff(t *testing.T) {
	_, k := prepared(t, "")
	v := start(t, k.VMOptions())
	g := login(t, k, v)
	off := v.Console().Offset()
	if err := g.Run(t.Context(), "reboot", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Console().WaitFor(t.Context(), off, ReadyMarker); err != nil {
		t.Fatal(err)
	}
	g, err := guest.Wait(t.Context(), k.GuestOptions(v))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.Run(t.Context(), "poweroff", nil); err != nil {
		t.Fatal(err)
	}
	<-v.Done()
	if err := v.Err(); err != nil {
		t.Errorf("QEMU ended with %v", err)
	}
}

func TestBootErrorCarriesThePanic(t *testing.T) {
	_, k := prepared(t, "")
	o := k.VMOptions()
	o.Initrd = ""
	v := start(t, o)
	_, err := k.WaitReady(t.Context(), v, nil)
	boot, ok := errors.AsType[*vm.BootError](err)
	if !ok || !strings.Contains(boot.Reason, "Unable to mount root fs") || len(boot.Output) == 0 {
		t.Errorf("a kernel without a root gave %v", err)
	}
}

func TestClassicDiskImageBootsOnQ35WithE1000(t *testing.T) {
	l, k := prepared(t, KASANSeries)
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := l.BuildImage(t.Context(), image, k); err != nil {
		t.Fatal(err)
	}
	v := start(t, &vm.Options{
		Kernel: filepath.Join(k.Dir, "bzImage"), Append: "console=ttyS0 root=/dev/sda net.ifnames=0",
		Mem: "1G", Machine: "q35", NIC: "none", GDB: "none", Classic: true,
		Extra: []string{
			"-net", "nic,model=e1000", "-net", "user,hostfwd=tcp:127.0.0.1:0-:22",
			"-drive", "file=" + image + ",format=raw", "-snapshot", "-gdb", "tcp:127.0.0.1:0",
		},
	})
	if !strings.HasPrefix(v.GDBAddr(), "127.0.0.1:") || !strings.HasPrefix(v.SSHAddr(), "127.0.0.1:") {
		t.Errorf("stub at %q, SSH at %q", v.GDBAddr(), v.SSHAddr())
	}
	oops(t, v, login(t, k, v))
}
