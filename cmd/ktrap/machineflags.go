package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"ktrap/session"
	"ktrap/session/guest"
	"ktrap/session/lab"
	"ktrap/session/vm"
)

// machineFlags describe the machine to start.
type machineFlags struct {
	Kernel  string `type:"existingfile" placeholder:"F" help:"The kernel (bzImage)."`
	Vmlinux string `type:"existingfile" placeholder:"F" help:"Its vmlinux; left out: looked for beside the kernel and in the debug folders."`
	Initrd  string `type:"existingfile" placeholder:"F" help:"The initramfs."`
	Image   string `type:"existingfile" placeholder:"F" help:"A disk image; nothing is written to it."`
	Append  string `placeholder:"ARGS" help:"The kernel command line."`
	Mem     string `placeholder:"SIZE" help:"Memory, as QEMU's -m (default 512M)."`
	SMP     int    `name:"smp" placeholder:"N" help:"Virtual CPUs (default 2)."`
	Classic bool   `help:"QEMU's default devices and an e1000 network card, as in hand-written command lines."`
	Lab     string `placeholder:"SERIES" help:"A lab kernel instead: 6.1 or 6.12 (see ktrap lab)."`
	SSHKey  string `name:"ssh-key" type:"existingfile" placeholder:"F" help:"Private key for root in the guest."`

	BootTimeout time.Duration `placeholder:"TIME" help:"How long the guest may take until its SSH answers (default 180s, of --lab kasan 15m); kernels with sanitizers need minutes under emulation."`
}

// machine is what was asked for, ready to start.
type machine struct {
	vm      *vm.Options
	vmlinux string
	lab     *lab.Kernel // nil for people's own kernels
	modules []string
	sources []string
	key     string
}

// resolve turns the flags into a machine.
func (f *machineFlags) resolve(extra passed, log *slog.Logger) (*machine, error) {
	m := &machine{vm: &vm.Options{}, vmlinux: f.Vmlinux, key: f.SSHKey}
	switch {
	case f.Lab != "" && f.Kernel != "":
		return nil, usage("--lab and --kernel exclude each other")
	case f.Lab != "":
		l, err := lab.Open(&lab.Options{Log: log})
		if err != nil {
			return nil, err
		}
		k, err := l.Kernel(f.Lab)
		if err != nil {
			return nil, err
		}
		if err := m.useLab(k); err != nil {
			return nil, err
		}
	case f.Kernel == "" && f.Image == "":
		return nil, usage("what to boot? give --kernel, --image or --lab")
	}
	f.override(m.vm)
	m.vm.Extra, m.vm.Log = extra, log
	return m, nil
}

// bootTimeout is how long SSH is waited for.
func (f *machineFlags) bootTimeout() time.Duration {
	return cmp.Or(f.BootTimeout, lab.BootTimeout(f.Lab))
}

func (m *machine) useLab(k *lab.Kernel) error {
	m.lab, m.vm = k, k.VMOptions()
	for name, to := range map[string]*string{"vmlinux": &m.vmlinux, "key": &m.key} {
		if *to != "" {
			continue
		}
		path, err := k.Path(name)
		if err != nil {
			return err
		}
		*to = path
	}
	modules, err := k.Path("modules")
	if err != nil {
		return err
	}
	m.modules, m.sources = []string{modules}, []string{modules} // crashme.c lies beside crashme.ko
	if source, err := k.Path("source"); err == nil {
		m.sources = append(m.sources, source)
	}
	return nil
}

// override lets the flags that were given win.
func (f *machineFlags) override(o *vm.Options) {
	for _, s := range []struct {
		from string
		to   *string
	}{{f.Kernel, &o.Kernel}, {f.Initrd, &o.Initrd}, {f.Image, &o.Image}, {f.Append, &o.Append}, {f.Mem, &o.Mem}} {
		if s.from != "" {
			*s.to = s.from
		}
	}
	if f.SMP != 0 {
		o.SMP = f.SMP
	}
	if f.Classic {
		o.Classic, o.NIC = true, "e1000"
	}
}

// into adds to the session's options what the machine knows.
func (m *machine) into(o *session.Options, v *vm.VM) {
	o.Stub, o.Vmlinux, o.Console, o.Origin.QEMU = v.GDBAddr(), m.vmlinux, recentConsole(v), v.Args()
	o.ModuleDirs = append(o.ModuleDirs, m.modules...)
	o.Sources.Dirs = append(o.Sources.Dirs, m.sources...)
}

// guestOptions says how to reach the guest's user space.
func (m *machine) guestOptions(v *vm.VM) *guest.Options {
	o := &guest.Options{Addr: v.SSHAddr(), Key: m.key}
	if m.lab != nil {
		o = m.lab.GuestOptions(v)
		o.Key = m.key // the lab's own unless another one was named
	}
	o.Still = stillWaiting(o.Addr, recentConsole(v))
	o.Log = m.vm.Log
	return o
}

// start starts QEMU, stopped at its first instruction.
func (m *machine) start(ctx context.Context, paused bool) (*vm.VM, error) {
	m.vm.Paused = paused
	v, err := vm.Start(ctx, m.vm)
	if err != nil {
		return nil, &exitError{exitInfra, err}
	}
	return v, nil
}

// progress prints a step on stderr, where results do not go.
func progress(format string, args ...any) { say(os.Stderr, fmt.Sprintf(format, args...)) }

// say prints a message of ktrap's. Parts of it may come from the guest, so that
// nothing in it may reach a terminal as it is.
func say(w io.Writer, text string) { fmt.Fprintf(w, "ktrap: %s\n", vm.Printable([]byte(text))) }

// recentBytes is how much of the console goes into a report.
const recentBytes = 64 << 10

func recentConsole(v *vm.VM) func() []byte {
	return func() []byte { return v.Console().Tail(recentBytes) }
}

// printable writes what a guest says without the bytes that move a terminal's
// cursor.
type printable struct{ to io.Writer }

// Write takes all of p.
func (w printable) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, vm.Printable(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
