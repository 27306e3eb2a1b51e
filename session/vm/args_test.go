package vm

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestArgs(t *testing.T) {
	t.Setenv("KTRAP_ACCEL", "")
	dir := t.TempDir()
	raw, qcow := filepath.Join(dir, "a,b.img"), filepath.Join(dir, "c.qcow2")
	write(t, raw, "\x00\x00\x00\x00")
	write(t, qcow, "QFI\xfb\x00\x00\x00\x03")
	tests := []struct {
		name         string
		o            Options
		want, absent []string // each an argument, or two with a blank between
	}{
		{"the zero value is a small paravirtual machine", Options{},
			[]string{"-machine q35", "-m 512M", "-smp 2", "-accel tcg", "-cpu qemu64,+rdrand", "-nodefaults", "-gdb unix:/s/gdb.sock,server=on,wait=off",
				"-netdev user,id=net0,hostfwd=tcp:127.0.0.1:0-:22", "-device virtio-net-pci,netdev=net0,romfile="},
			[]string{"-S", "-kernel", "-append", "-initrd", "-drive", "-snapshot", "-no-reboot"}},
		{"a kernel with everything", Options{Kernel: "k", Initrd: "i", Append: "a b", Paused: true, NoReboot: true, CPU: "max", SMP: 1},
			[]string{"-kernel k", "-initrd i", "-append a b", "-S", "-no-reboot", "-cpu max", "-smp 1"}, nil},
		{"an append without a kernel is left out, QEMU would refuse it", Options{Append: "a"}, nil, []string{"-append"}},
		{"a raw image is told by its first bytes, commas are doubled", Options{Image: raw},
			[]string{"-drive file=" + dir + "/a,,b.img,format=raw", "-snapshot"}, nil},
		{"a qcow2 image that keeps what is written", Options{Image: qcow, Persist: true},
			[]string{"-drive file=" + qcow + ",format=qcow2"}, []string{"-snapshot"}},
		{"a named port for the stub is bound on loopback", Options{GDB: "localhost:1234"}, []string{"-gdb tcp:127.0.0.1:1234"}, nil},
		{"the caller's own stub and serial line replace ours", Options{Extra: []string{"-s", "-serial", "null"}},
			[]string{"-s", "-serial null"}, []string{"-gdb", "chardev:console"}},
		{"the caller's own accelerator replaces ours", Options{Extra: []string{"-enable-kvm"}}, nil, []string{"-accel", "-cpu"}},
		{"KVM comes with the host's CPU", Options{Accel: "kvm"}, []string{"-accel kvm", "-cpu host"}, nil},
		{"no network", Options{NIC: "none"}, nil, []string{"-netdev", "-device"}},
		{"a chosen SSH port", Options{SSH: "localhost:2222", NIC: "e1000"},
			[]string{"-netdev user,id=net0,hostfwd=tcp:127.0.0.1:2222-:22", "-device e1000,netdev=net0,romfile="}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args, err := test.o.args("/s/gdb.sock")
			if err != nil {
				t.Fatal(err)
			}
			line := " " + strings.Join(args, " ") + " "
			for _, want := range test.want {
				if !strings.Contains(line, " "+want+" ") {
					t.Errorf("%q is missing in %q", want, line)
				}
			}
			for _, absent := range test.absent {
				if slices.Contains(args, absent) {
					t.Errorf("%q is in %q", absent, line)
				}
			}
		})
	}
}

func TestArgsRefuseWhatCannotWork(t *testing.T) {
	for name, o := range map[string]Options{
		"an image that is not there":      {Image: "/nowhere/x.img"},
		"an SSH address without its port": {SSH: "localhost"},
	} {
		if args, err := o.args(""); err == nil || args != nil {
			t.Errorf("%s gave %q, %v", name, args, err)
		}
	}
}

func TestAcceleratorComesFromTheEnvironment(t *testing.T) {
	t.Setenv("KTRAP_ACCEL", "kvm")
	if got := (&Options{}).accel(); got != "kvm" {
		t.Errorf("accelerator is %q", got)
	}
	if got := (&Options{Accel: "tcg"}).accel(); got != "tcg" {
		t.Errorf("a named accelerator lost to the environment: %q", got)
	}
}

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}
