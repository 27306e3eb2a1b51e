//go:build qemu

package rsptest_test

import (
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"ktrap/rsp"
)

var update = flag.Bool("update", false, "record testdata anew")

// TestQEMUConverses runs the conversation with a real QEMU and the kernel that
// KTRAP_TEST_KERNEL names. Any that boots to a panic or a shell will do.
func TestQEMUConverses(t *testing.T) {
	kernel := os.Getenv("KTRAP_TEST_KERNEL")
	if kernel == "" {
		t.Skip("SKIPPED: KTRAP_TEST_KERNEL names no kernel to boot")
	}
	socket := filepath.Join(t.TempDir(), "gdb")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	qemu := exec.Command("qemu-system-x86_64", "-display", "none", "-serial", "none", "-monitor", "none",
		"-S", "-smp", "2", "-m", "256M", "-no-reboot", "-kernel", kernel, "-append", "rootwait root=/dev/none",
		"-chardev", "socket,id=gdb,path="+socket, "-gdb", "chardev:gdb") // it connects to us: nothing to wait for
	t.Logf("%v", qemu.Args)
	if err := qemu.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		qemu.Process.Kill()
		qemu.Wait()
	})
	l.(*net.UnixListener).SetDeadline(time.Now().Add(20 * time.Second))
	conn, err := l.Accept()
	if err != nil {
		t.Fatalf("QEMU does not connect: %v", err)
	}
	var rec *rsp.Recorder
	if *update {
		f, err := os.Create("testdata/qemu72-attach-step-break-detach.rsp")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rec = rsp.NewRecorder(f)
		rec.Note("recorded from QEMU by TestQEMUConverses")
	}
	// Only the real machine needs time, to come out of the BIOS.
	conversation(t, conn, rec, func() { <-time.After(8 * time.Second) })
}
