//go:build qemu

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ktrap/session/lab"
	"ktrap/session/report"
)

func TestReproBootsPeoplesOwnKernelAndDiskImage(t *testing.T) {
	l, err := lab.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Kernel(lab.KASANSeries); err != nil && os.Getenv("KTRAP_LAB_KASAN") == "" {
		t.Skipf("NOT RUN: KTRAP_LAB_KASAN names no kernel with sanitizers (%v)", err)
	}
	k, err := l.Prepare(t.Context(), lab.KASANSeries, nil)
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := l.BuildImage(t.Context(), image, k); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	path := func(name string) string {
		p, err := k.Path(name)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	reports := t.TempDir()
	// No --vmlinux: it lies beside the kernel.
	status := run([]string{
		"repro", "--kernel", path("bzImage"), "--image", image, "--classic", "--mem", "1G", "--boot-timeout", "15m",
		"--append", "root=/dev/sda console=ttyS0 net.ifnames=0 kfence.sample_interval=0", "--ssh-key", path("key"),
		"--report-dir", reports, "../../session/repro/testdata/uaf.c",
	})
	if status != exitCrash {
		t.Fatalf("exit status %d, want %d", status, exitCrash)
	}
	found, err := filepath.Glob(filepath.Join(reports, "*", "report.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("reports %q, %v", found, err)
	}
	r, err := report.Read(filepath.Dir(found[0]))
	if err != nil || !strings.HasPrefix(r.Title, "KASAN: slab-use-after-free Read in ") {
		t.Errorf("title %q, %v", r.Title, err)
	}
	if after, err := os.ReadFile(image); err != nil || string(after) != string(before) {
		t.Errorf("the disk image was written to (%v)", err)
	}
}
