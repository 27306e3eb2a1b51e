package vm

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
)

// monitorFD is the descriptor on which QEMU finds its end of the monitor: the
// first of exec.Cmd.ExtraFiles.
const monitorFD = 3

// args builds QEMU's command line without the program.
// gdbSocket is the path for the stub when Options.GDB is "".
func (o *Options) args(gdbSocket string) ([]string, error) {
	a := []string{"-machine", o.machine(), "-m", o.mem(), "-smp", strconv.Itoa(o.smp())}
	a = append(a, o.accelArgs()...)
	if !o.Classic {
		a = append(a, "-nodefaults", "-no-user-config")
	}
	a = append(a, "-display", "none", "-monitor", "none")
	if !o.extra("-serial") {
		a = append(a, "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console")
	}
	a = append(a, "-chardev", fmt.Sprintf("socket,id=ktrap,fd=%d", monitorFD), "-mon", "chardev=ktrap,mode=control")
	a = append(a, o.kernelArgs()...)
	disk, err := o.diskArgs()
	if err != nil {
		return nil, err
	}
	a = append(a, disk...)
	network, err := o.netArgs()
	if err != nil {
		return nil, err
	}
	a = append(a, network...)
	a = append(a, o.gdbArgs(gdbSocket)...)
	if o.Paused {
		a = append(a, "-S")
	}
	if o.NoReboot {
		a = append(a, "-no-reboot")
	}
	return append(a, o.Extra...), nil
}

func (o *Options) accelArgs() []string {
	var a []string
	ours := !o.extra("-accel", "-enable-kvm")
	if ours {
		a = append(a, "-accel", o.accel())
	}
	switch {
	case o.CPU != "":
		a = append(a, "-cpu", o.CPU)
	case o.accel() == "kvm":
		a = append(a, "-cpu", "host")
	case ours && o.accel() == "tcg":
		a = append(a, "-cpu", tcgCPU)
	}
	return a
}

// tcgCPU is QEMU's default with a source of random numbers: the kernel need not
// collect them before it goes on, and has patched itself for having them before
// other CPUs run that code. A CPU that QEMU 7.2 emulates may run the int3 that
// stands there while code is patched too late, for which the kernel dies.
const tcgCPU = "qemu64,+rdrand"

func (o *Options) kernelArgs() []string {
	var a []string
	if o.Kernel != "" {
		a = append(a, "-kernel", o.Kernel)
		if o.Append != "" {
			a = append(a, "-append", o.Append)
		}
	}
	if o.Initrd != "" {
		a = append(a, "-initrd", o.Initrd)
	}
	return a
}

// diskArgs attaches the image to the machine's own controller (AHCI on q35,
// IDE on pc), which is what root=/dev/sda expects.
func (o *Options) diskArgs() ([]string, error) {
	if o.Image == "" {
		return nil, nil
	}
	format := o.Format
	if format == "" {
		var err error
		if format, err = imageFormat(o.Image); err != nil {
			return nil, err
		}
	}
	a := []string{"-drive", "file=" + escape(o.Image) + ",format=" + format}
	if !o.Persist {
		a = append(a, "-snapshot")
	}
	return a, nil
}

// imageFormat tells qcow2 from raw by the magic number; QEMU's own probing is
// refused for raw images by newer versions and writes restricted by older.
func imageFormat(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open disk image: %w", err)
	}
	defer f.Close()
	magic := make([]byte, 4)
	if n, _ := f.Read(magic); bytes.Equal(magic[:n], []byte("QFI\xfb")) {
		return "qcow2", nil
	}
	return "raw", nil
}

func (o *Options) netArgs() ([]string, error) {
	if o.nic() == "none" {
		return nil, nil
	}
	user := "user,id=net0"
	switch o.SSH {
	case "none":
	case "":
		user += ",hostfwd=tcp:127.0.0.1:0-:22" // QEMU picks the port: nobody can take it in between
	default:
		host, port, err := net.SplitHostPort(o.SSH)
		if err != nil {
			return nil, fmt.Errorf("parse SSH forward %q: %w", o.SSH, err)
		}
		if host == "localhost" {
			host = "127.0.0.1"
		}
		user += ",hostfwd=tcp:" + host + ":" + port + "-:22"
	}
	return []string{"-netdev", user, "-device", o.nic() + ",netdev=net0,romfile="}, nil
}

func (o *Options) gdbArgs(socket string) []string {
	switch {
	case o.GDB == "none" || o.extra("-s", "-gdb"):
		return nil
	case o.GDB == "":
		return []string{"-gdb", "unix:" + escape(socket) + ",server=on,wait=off"}
	case o.GDB == "tcp":
		return []string{"-gdb", "tcp:127.0.0.1:0"}
	default:
		return []string{"-gdb", "tcp:" + strings.Replace(o.GDB, "localhost:", "127.0.0.1:", 1)}
	}
}

// extra reports whether the caller's own arguments have one of these options.
func (o *Options) extra(names ...string) bool {
	return slices.ContainsFunc(o.Extra, func(a string) bool {
		return slices.Contains(names, strings.Replace(a, "--", "-", 1))
	})
}

// escape doubles commas, as QEMU's option parser wants file names.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }
