package vm

import "log/slog"

// Options describe the machine to start. The zero value plus Kernel boots.
type Options struct {
	QEMU    string   // the emulator; "" means qemu-system-x86_64 from PATH
	Kernel  string   // bzImage
	Initrd  string   // initramfs, may be ""
	Append  string   // kernel command line; ktrap adds nothing to it
	Image   string   // a disk image, may be ""
	Format  string   // format of Image: "" means by its first bytes, raw or qcow2
	Persist bool     // write to Image; the default is -snapshot, which leaves it as it is
	Mem     string   // as QEMU's -m; "" means 512M
	SMP     int      // virtual CPUs; 0 means 2
	Machine string   // as QEMU's -machine; "" means q35
	CPU     string   // as QEMU's -cpu; "" means QEMU's default for TCG, host for KVM
	NIC     string   // "" means virtio-net-pci; "e1000", "none"
	Accel   string   // "" means $KTRAP_ACCEL, else "tcg"; KVM is used only when asked for
	Extra   []string // more QEMU arguments, put last
	Classic bool     // keep QEMU's default devices (no -nodefaults)

	GDB      string // "" means a unix socket in Dir, "tcp" a free loopback port, "none", or HOST:PORT
	SSH      string // "" means a free loopback port forwarded to the guest's port 22, "none", or HOST:PORT
	Paused   bool   // start with the CPUs stopped (-S)
	NoReboot bool   // a guest reboot ends QEMU

	Dir       string       // for sockets and console.log; "" means a temporary one, removed by Close
	OnConsole func([]byte) // gets the raw bytes of the serial console as they come; must not block
	Log       *slog.Logger // nil discards
}
