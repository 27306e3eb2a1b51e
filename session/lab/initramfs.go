package lab

import (
	"context"
	"debug/elf"
	_ "embed" // for rc.sh
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ReadyMarker is what the guest prints on its console when SSH answers.
const ReadyMarker = "ktrap-lab: guest is ready"

//go:embed rc.sh
var rcScript []byte

// inittab makes busybox init run rc.sh, and gives a shell to whoever presses
// Enter on the console.
const inittab = `::sysinit:/etc/rc
ttyS0::askfirst:-/bin/sh
::ctrlaltdel:/sbin/reboot
::shutdown:/bin/umount -a -r
`

// build makes crashme.ko and the initramfs if they are missing or their
// inputs have changed.
func (k *Kernel) build(ctx context.Context, p Progress) error {
	if k.Series != KASANSeries { // that one comes with its module
		if err := k.rebuilt(k.crashme(), k.crashmeInputs(), func() error { return k.buildCrashme(ctx, p) }); err != nil {
			return err
		}
	}
	t, err := k.rootfs()
	if err != nil {
		return fmt.Errorf("put the initramfs together: %w", err)
	}
	return k.rebuilt(k.initramfs(), t.hash(), func() error {
		p.send(Event{Step: "write the initramfs"})
		return writeFile(k.initramfs(), t)
	})
}

// rebuilt calls build unless file is there and was built from the same inputs.
func (k *Kernel) rebuilt(file, inputs string, build func() error) error {
	mark := file + ".inputs"
	was, err := os.ReadFile(mark)
	if _, ferr := os.Stat(file); err == nil && ferr == nil && string(was) == inputs {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.Remove(mark); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := build(); err != nil {
		return err
	}
	return os.WriteFile(mark, []byte(inputs), 0o644)
}

// writeFile writes a tree as an initramfs, not compressed: an emulated guest
// unpacks slower than QEMU loads.
func writeFile(name string, t tree) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".tmp-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(t.writeCPIO(f), f.Chmod(0o644), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(f.Name(), name)
}

func (k *Kernel) initramfs() string { return filepath.Join(k.Dir, "built", "initramfs.cpio") }

// rootfs is the guest's whole user space.
func (k *Kernel) rootfs() (tree, error) {
	t, err := baseTree(k.keys)
	if err != nil {
		return nil, err
	}
	for _, m := range k.stamp.Order {
		if err := t.copy("lib/modules/"+m+".ko", 0o644, filepath.Join(k.Dir, "guest", m+".ko")); err != nil {
			return nil, err
		}
	}
	t.file("etc/modules", 0o644, []byte(lines(k.stamp.Order)))
	if err := t.copy("lib/modules/crashme.ko", 0o644, k.crashme()); err != nil {
		return nil, err
	}
	return t, nil
}

// baseTree is a user space that needs nothing of the kernel but drivers for
// its serial line and network: busybox, dropbear, keys, start-up script.
func baseTree(keys string) (tree, error) {
	busybox, err := findBusybox()
	if err != nil {
		return nil, err
	}
	dropbear, err := findProgram("dropbear", "dropbear-bin")
	if err != nil {
		return nil, err
	}
	t := tree{}
	for _, d := range []string{"dev", "proc", "sys", "run", "tmp", "var/log"} {
		t.dir(d, 0o755)
	}
	t.dir("root", 0o700)
	t.dir("root/.ssh", 0o700)
	if err := errors.Join(
		t.program("bin/busybox", busybox),
		t.program("usr/sbin/dropbear", dropbear),
		t.copy("etc/dropbear/dropbear_ed25519_host_key", 0o600, filepath.Join(keys, hostKey)),
		t.copy("root/.ssh/authorized_keys", 0o600, filepath.Join(keys, loginPub)),
	); err != nil {
		return nil, err
	}
	if err := t.applets(busybox); err != nil {
		return nil, err
	}
	t.link("init", "bin/busybox") // started as "init" it is busybox's init
	t.file("etc/inittab", 0o644, []byte(inittab))
	t.file("etc/rc", 0o755, rcScript)
	t.file("etc/modules", 0o644, nil)
	t.file("etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\n"))
	t.file("etc/group", 0o644, []byte("root:x:0:\n"))
	t.file("etc/shadow", 0o600, []byte("root:*:19000:0:99999:7:::\n"))
	t.file("etc/shells", 0o644, []byte("/bin/sh\n"))
	t.file("etc/hostname", 0o644, []byte(hostAlias+"\n"))
	return t, nil
}

// applets links busybox's commands where people expect them.
func (t tree) applets(busybox string) error {
	out, err := exec.Command(busybox, "--list-full").Output()
	if err != nil {
		return fmt.Errorf("list busybox's commands: %w", withStderr(err))
	}
	for name := range strings.FieldsSeq(string(out)) {
		if !filepath.IsLocal(name) || t[name] != nil {
			continue
		}
		t.link(name, "/bin/busybox")
	}
	for _, name := range []string{"bin/sh", "sbin/init", "sbin/insmod"} {
		if t[name] == nil {
			return fmt.Errorf("%s lacks the command %s", busybox, name)
		}
	}
	return nil
}

// findBusybox finds a busybox without libraries.
func findBusybox() (string, error) {
	file, err := findProgram("busybox", "busybox-static")
	if err != nil {
		return "", err
	}
	f, err := elf.Open(file)
	if err != nil {
		return "", fmt.Errorf("open busybox: %w", err)
	}
	defer f.Close()
	if f.Section(".interp") != nil {
		return "", fmt.Errorf("%s needs shared libraries; install the package busybox-static", file)
	}
	return file, nil
}

// findProgram looks in PATH and in the folders for daemons, which are not in
// everybody's.
func findProgram(name, pkg string) (string, error) {
	for _, n := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if file, err := exec.LookPath(n); err == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s is not installed; it is in the package %s", name, pkg)
}

func lines(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, "\n") + "\n"
}
