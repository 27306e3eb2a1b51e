package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ktrap/session/guest"
	"ktrap/session/vm"
	"ktrap/testdata/crashme"
)

// Kernel is one prepared series.
type Kernel struct {
	Series  string
	Release string // as uname -r
	Dir     string

	keys  string
	stamp *stamp
}

// PathNames are the names that [Kernel.Path] knows.
var PathNames = []string{"vmlinux", "bzImage", "initramfs", "key", "modules", "source", "headers", "known_hosts"}

// SourceSize is about what fetching the source downloads.
const SourceSize = "140 to 150 MB"

// Path says where a part lies: vmlinux, bzImage, initramfs, key (to log in),
// modules (folder of the .ko with debug information), source (folder), headers
// (the build tree for modules), known_hosts.
// Errors: ErrNotPrepared for a part that is fetched on request only.
func (k *Kernel) Path(name string) (string, error) {
	var file string
	switch name {
	case "vmlinux", "bzImage", "modules":
		file = filepath.Join(k.Dir, name)
	case "initramfs":
		file = k.initramfs()
	case "key":
		file = filepath.Join(k.keys, loginKey)
	case "known_hosts":
		file = filepath.Join(k.keys, knownHosts)
	case "headers":
		file = k.headers()
	case "source":
		file = k.source()
	default:
		return "", fmt.Errorf("lab has no part %q, only %s", name, strings.Join(PathNames, " "))
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if name == "source" {
			return "", fmt.Errorf("%w: the source of %s is fetched on request only: `ktrap lab source --series %s` (%s)",
				ErrNotPrepared, k.Release, k.Series, SourceSize)
		}
		return "", fmt.Errorf("%w: kernel %s has no %s", ErrNotPrepared, k.Series, name)
	} else if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	return file, nil
}

// crashmeInputs changes when the crash module must be built again.
func (k *Kernel) crashmeInputs() string {
	h := sha256.New()
	h.Write(crashme.Source)
	h.Write(crashme.Makefile)
	h.Write([]byte(k.Release))
	return hex.EncodeToString(h.Sum(nil))
}

// CommandLine is the kernel command line of the lab's guests. Nothing in it
// makes the kernel another one: a console, device names as rc.sh expects them,
// and no waiting for clock checks, entropy and tests of ciphers that emulation is
// slow at.
const CommandLine = "console=ttyS0 net.ifnames=0 tsc=reliable random.trust_cpu=on cryptomgr.notests"

// VMOptions gives the machine on which this kernel boots quickly; the caller
// may change it before vm.Start.
func (k *Kernel) VMOptions() *vm.Options {
	o := &vm.Options{
		Kernel:  filepath.Join(k.Dir, "bzImage"),
		Initrd:  k.initramfs(),
		Append:  CommandLine,
		Machine: "pc",
		NIC:     "virtio-net-pci",
		Extra:   []string{"-device", "virtio-rng-pci"},
	}
	if k.Series == KASANSeries {
		// On pc its slow ACPI interpreter runs into AE_AML_LOOP_TIMEOUT: a minute lost.
		o.Mem, o.Machine = "1G", "q35"
	}
	return o
}

// GuestOptions says how to reach the guest that runs on v.
func (k *Kernel) GuestOptions(v *vm.VM) *guest.Options {
	return &guest.Options{
		Addr:       v.SSHAddr(),
		Key:        filepath.Join(k.keys, loginKey),
		KnownHosts: filepath.Join(k.keys, knownHosts),
		HostAlias:  hostAlias,
	}
}

// WaitReady waits until the guest on v is up and logs in.
// Errors: *vm.BootError; ctx's.
func (k *Kernel) WaitReady(ctx context.Context, v *vm.VM, progress func(vm.BootProgress)) (*guest.Guest, error) {
	var g *guest.Guest
	err := v.WaitBoot(ctx, &vm.BootOptions{
		Marker:   ReadyMarker,
		Timeout:  BootTimeout(k.Series),
		Progress: progress,
		Probe: func(ctx context.Context) (err error) {
			g, err = guest.Wait(ctx, k.GuestOptions(v))
			return err
		},
	})
	if err != nil {
		if g != nil { // the guest panicked while it logged us in
			err = errors.Join(err, g.Close())
		}
		return nil, err
	}
	return g, nil
}

// BootTimeout is how long a guest may take until its SSH answers, on a busy host
// that emulates it; "" means a kernel that is not the lab's.
func BootTimeout(series string) time.Duration {
	if series == KASANSeries {
		return 15 * time.Minute
	}
	return 3 * time.Minute
}

// Modules are the names of the modules that the guest loads, in that order.
func (k *Kernel) Modules() []string {
	return append(slices.Clone(k.stamp.Order), "crashme")
}
