package lab

import "os/exec"

// Requirement is a program that the host must have.
type Requirement struct {
	Package string `json:"package"` // Debian's name for it
	Command string `json:"command"` // what is looked for; a path is looked for as it is
	Why     string `json:"why"`
	File    bool   `json:"-"` // Command is a file, not a program
}

// Requirements are what the lab and its guests need of the host; the packages
// are installed by root, everything else works without.
func Requirements() []Requirement {
	return []Requirement{
		{Package: "qemu-system-x86", Command: "qemu-system-x86_64", Why: "runs the guest"},
		{Package: "gdb", Command: "gdb", Why: "debugs behind ktrap; the tests drive it"},
		{Package: "busybox-static", Command: "busybox", Why: "the guest's user space"},
		{Package: "dropbear-bin", Command: "dropbear", Why: "the guest's SSH server"},
		{Package: "gcc", Command: "gcc", Why: "builds the crash module and C reproducers"},
		{Package: "libc6-dev", Command: "/usr/include/stdio.h", File: true, Why: "builds C reproducers, statically"},
		{Package: "make", Command: "make", Why: "builds the crash module"},
		{Package: "libelf1", Command: "libelf.so.1", File: true, Why: "objtool of the kernel's headers, for the crash module"},
		{Package: "apt", Command: "apt-get", Why: "downloads the lab's kernels"},
		{Package: "dpkg", Command: "dpkg-deb", Why: "unpacks the lab's kernels"},
		{Package: "e2fsprogs", Command: "mke2fs", Why: "makes disk images without mounting them"},
	}
}

// Find looks for the program and gives its place.
func (r Requirement) Find() (path string, ok bool) {
	if r.File {
		if exists(r.Command) {
			return r.Command, true
		}
		path, err := findLib(r.Command)
		return path, err == nil
	}
	if path, err := exec.LookPath(r.Command); err == nil {
		return path, true
	}
	path, err := findProgram(r.Command, r.Package)
	return path, err == nil
}

// Missing are the requirements that this host does not meet.
func Missing() []Requirement {
	var missing []Requirement
	for _, r := range Requirements() {
		if _, ok := r.Find(); !ok {
			missing = append(missing, r)
		}
	}
	return missing
}
