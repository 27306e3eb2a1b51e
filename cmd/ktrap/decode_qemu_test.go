//go:build qemu

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ktrap/session/guest"
	"ktrap/session/lab"
	"ktrap/session/vm"
	"ktrap/symbols/symtest"
	"ktrap/testdata/crashme"
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

// stays are the ways to crash that do not end by themselves, fatal those that end in
// a panic. After both the guest is of no use any more.
var (
	stays = []string{"softlockup", "hardlockup", "rcustall", "hung", "deadlock", "selfdead", "workspin"}
	fatal = []string{"panic", "int3", "doublefault", "stackoverflow", "stackprot", "tasklet_irq", "ipi", "oom"}
)

// impatient makes the detectors of hangs look early.
const impatient = " sysctl.kernel.hung_task_timeout_secs=5 sysctl.kernel.hung_task_check_interval_secs=2" +
	" sysctl.kernel.watchdog_thresh=4 rcupdate.rcu_cpu_stall_timeout=10"

// TestEveryWayToCrashIsDecodedAsLLVMDoes crashes each kernel of the lab in all ways
// that the module knows, in as few boots as that takes: the one with sanitizers in
// those that one boot survives.
func TestEveryWayToCrashIsDecodedAsLLVMDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("some fifteen boots of each kernel")
	}
	l, err := lab.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	words := crashme.Keywords()
	slices.SortStableFunc(words, func(a, b string) int { return endsGuest(a) - endsGuest(b) })
	for _, series := range []string{"6.1", "6.12", lab.KASANSeries} {
		t.Run(series, func(t *testing.T) {
			k, err := l.Prepare(t.Context(), series, nil)
			if err != nil && series == lab.KASANSeries {
				t.Skipf("NOT RUN: %v", err)
			} else if err != nil {
				t.Fatalf("the tag qemu is set, so the lab must be there: %v", err)
			}
			v := &victim{t: t, k: k, log: filepath.Join(t.ArtifactDir(), "console.log")}
			defer v.drop()
			for _, word := range words {
				if series != lab.KASANSeries || endsGuest(word) == 0 { // that one boots too slowly
					v.crash(word)
				}
			}
			v.compare()
		})
	}
}

// endsGuest orders the ways to crash.
func endsGuest(word string) int {
	if slices.Contains(stays, word) || slices.Contains(fatal, word) {
		return 1
	}
	return 0
}

// victim is a guest that is crashed again and again.
type victim struct {
	t     *testing.T
	k     *lab.Kernel
	log   string // file with what all boots have printed
	boots int

	vm      *vm.VM // nil: none runs
	g       *guest.Guest
	console string // file with what this boot prints
}

// boot starts a guest unless one runs. One that gets no time from a busy host may
// fail before it is up.
func (v *victim) boot() {
	var err error
	for try := 0; v.vm == nil && try < 3; try++ {
		err = v.start()
	}
	if v.vm == nil {
		v.t.Fatal(err)
	}
}

func (v *victim) start() error {
	ctx, cancel := context.WithTimeout(v.t.Context(), decodeWait)
	defer cancel()
	o := v.k.VMOptions()
	o.Append += impatient
	o.Dir = v.t.TempDir()
	started, err := vm.Start(ctx, o)
	if err != nil {
		return err
	}
	if v.g, err = guest.Wait(ctx, v.k.GuestOptions(started)); err != nil {
		return errors.Join(err, started.Close())
	}
	v.vm, v.console = started, filepath.Join(o.Dir, "console.log")
	v.boots++
	return nil
}

// drop ends the guest and keeps what it printed.
func (v *victim) drop() {
	if v.vm == nil {
		return
	}
	v.g.Close() // the connection goes with the VM
	if err := v.vm.Close(); err != nil {
		v.t.Errorf("close the VM: %v", err)
	}
	v.vm = nil
	text, err := os.ReadFile(v.console)
	if err != nil {
		v.t.Fatal(err)
	}
	f, err := os.OpenFile(v.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		v.t.Fatal(err)
	}
	if _, err := f.Write(text); err != nil {
		v.t.Error(err)
	}
	if err := f.Close(); err != nil {
		v.t.Error(err)
	}
}

// crash does one thing to the guest and waits until it has told about it.
func (v *victim) crash(word string) {
	v.boot()
	ctx, cancel := context.WithTimeout(v.t.Context(), crashWait)
	defer cancel()
	con, g := v.vm.Console(), v.g
	from := con.Offset()
	came, panicked, told := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() { came <- g.Run(ctx, "echo "+word+" > /proc/crashme", nil) }()
	go func() { _, err := con.WaitFor(ctx, from, "---[ end Kernel panic"); panicked <- err }()
	go func() { _, err := con.WaitFor(ctx, from, "</TASK>"); told <- err }()
	if !slices.Contains(stays, word) {
		told = nil
	}
	select {
	case <-came: // it was killed, or is back
		if _, err := v.mark(ctx, con); err == nil {
			return
		}
	case <-panicked:
	case <-told:
	}
	v.t.Logf("%s: the guest is done", word)
	v.drop()
}

// crashWait bounds one crash.
const crashWait = 2 * time.Minute

// mark has the guest print something, behind all that it had to say. A guest that
// cannot is of no use any more.
func (v *victim) mark(ctx context.Context, con *vm.Console) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	from := con.Offset()
	if err := v.g.Run(ctx, "echo still alive > /dev/kmsg", nil); err != nil {
		return 0, err
	}
	return con.WaitFor(ctx, from, "still alive")
}

// compare decodes what all boots have printed.
func (v *victim) compare() {
	t := v.t
	t.Helper()
	v.drop()
	vmlinux, modules := pathOf(t, v.k, "vmlinux"), pathOf(t, v.k, "modules")
	status, out := output(t, "", "decode", "--layout", "syzbot", "--vmlinux", vmlinux, "--modules", modules, v.log)
	if status != exitDone {
		t.Fatalf("status %d", status)
	}
	n := symtest.CompareDecoded(t, vmlinux, map[string]string{"crashme": filepath.Join(modules, "crashme.ko")}, out)
	_, objects := output(t, "", "decode", "--format", "json", "--vmlinux", vmlinux, "--modules", modules, v.log)
	crashes := strings.Count(objects, "\n")
	t.Logf("%s: %d boots, %d crashes, %d frames compared", v.k.Release, v.boots, crashes, n)
	if n < 250 || crashes < 30 || strings.Contains(objects, `"proven":false`) {
		t.Errorf("%d frames and %d crashes, all of a proven kernel: %v", n, crashes, !strings.Contains(objects, `"proven":false`))
	}
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
