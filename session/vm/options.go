package vm

import (
	"cmp"
	"log/slog"
	"os"
)

// Options describe the machine to start. The zero value plus Kernel boots.
type Options struct {
	QEMU    string   // the emulator; "" means qemu-system-x86_64 from PATH
	Kernel  string   // bzImage
	Initrd  string   // initramfs, may be ""
	Append  string   // kernel command line; ktrap adds nothing to it
	Image   string   // a disk image, may be ""
	Format  string   // format of Image; "" means by its first bytes: qcow2, else raw
	Persist bool     // write to Image; the default is -snapshot, which leaves it as it is
	Mem     string   // as QEMU's -m; "" means 512M
	SMP     int      // virtual CPUs; 0 means 2
	Machine string   // as QEMU's -machine; "" means q35
	CPU     string   // as QEMU's -cpu; "" means QEMU's default with rdrand under TCG, host under KVM
	NIC     string   // "" means virtio-net-pci; "e1000", ..., "none"
	Extra   []string // more QEMU arguments, put last; -s, -gdb, -serial, -accel there replace ours
	Classic bool     // keep QEMU's default devices (no -nodefaults)

	// Accel is "tcg" or "kvm"; "" means $KTRAP_ACCEL, else tcg. KVM is used only
	// when asked for: a /dev/kvm that exists may still hang the guest (nested
	// virtualization), and under KVM breakpoints are written into guest memory.
	Accel string

	GDB      string // "" means a unix socket, "tcp" a free loopback port, "none", or HOST:PORT
	SSH      string // "" means a free loopback port that leads to the guest's port 22, "none", or HOST:PORT
	Paused   bool   // start with the CPUs stopped (-S)
	NoReboot bool   // a guest reboot ends QEMU

	Dir       string       // for console.log; "" means a temporary one, removed by Close
	OnConsole func([]byte) // gets the raw bytes of the serial console as they come; must not block
	OnEvent   func(Event)  // gets QEMU's events (RESET, SHUTDOWN, ...); must not block
	Log       *slog.Logger // nil discards
}

func (o *Options) qemu() string    { return cmp.Or(o.QEMU, "qemu-system-x86_64") }
func (o *Options) mem() string     { return cmp.Or(o.Mem, "512M") }
func (o *Options) smp() int        { return cmp.Or(o.SMP, 2) }
func (o *Options) machine() string { return cmp.Or(o.Machine, "q35") }
func (o *Options) nic() string     { return cmp.Or(o.NIC, "virtio-net-pci") }
func (o *Options) accel() string   { return cmp.Or(o.Accel, os.Getenv("KTRAP_ACCEL"), "tcg") }

func (o *Options) log() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log.With("c", "vm")
}
