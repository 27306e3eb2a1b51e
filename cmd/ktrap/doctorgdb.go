package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The gdbs that matter. 7.12 is the first to take vmlinux, named threads and
// where the modules are from a stub; 10 is the first to read DWARF 5 well, which
// compilers write by default since 2021.
// Source: gdb/NEWS of 7.10, 7.12 and 10.
var (
	gdbOldest = gdbVersion{7, 12}
	gdbDWARF5 = gdbVersion{10, 0}
)

type gdbVersion [2]int

func (v gdbVersion) before(o gdbVersion) bool {
	return v[0] < o[0] || v[0] == o[0] && v[1] < o[1]
}

func (v gdbVersion) String() string { return fmt.Sprintf("%d.%d", v[0], v[1]) }

// gdbNumber is the version at the end of the first line, after what the
// distribution calls it: "GNU gdb (Debian 13.1-3) 13.1".
var gdbNumber = regexp.MustCompile(`^GNU gdb .*?(\d+)\.(\d+)[\w.+-]*$`)

// parseGDBVersion reads what gdb --version prints.
func parseGDBVersion(text string) (gdbVersion, bool) {
	line, _, _ := strings.Cut(text, "\n")
	line = strings.TrimSpace(line)
	m := gdbNumber.FindStringSubmatch(line)
	if m == nil {
		return gdbVersion{}, false
	}
	major, err := strconv.Atoi(m[1])
	minor, err2 := strconv.Atoi(m[2])
	return gdbVersion{major, minor}, err == nil && err2 == nil
}

// gdbAnswers is how long a gdb may take to say its version.
const gdbAnswers = 10 * time.Second

// gdbFinding tells whether ktrap can serve the gdb of that name; nil if there is
// none.
func gdbFinding(ctx context.Context, program string) *finding {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil
	}
	f := &finding{What: program + " version", State: "ok"}
	ctx, cancel := context.WithTimeout(ctx, gdbAnswers)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-nx", "--version").Output()
	if err != nil {
		f.State, f.Detail, f.Do = "wrong", fmt.Sprintf("%s --version: %v", path, err), "install a gdb that starts (apt-get install gdb)"
		return f
	}
	v, ok := parseGDBVersion(string(out))
	line, _, _ := strings.Cut(string(out), "\n")
	f.Detail = line
	switch {
	case !ok:
		f.State, f.Detail = "note", fmt.Sprintf("%q: no version of gdb that is known", line)
	case v.before(gdbOldest):
		f.State = "wrong"
		f.Detail += fmt.Sprintf(": too old. gdb before %v cannot be told where vmlinux is nor what the tasks are called", gdbOldest)
		f.Do = "use gdb 13 or newer: ktrap gdb --gdb PROGRAM, or $KTRAP_GDB"
	case v.before(gdbDWARF5):
		f.State = "note"
		f.Detail += fmt.Sprintf(": reads DWARF 4; a vmlinux with DWARF 5, which gcc writes since version 11, needs gdb %v", gdbDWARF5)
		f.Do = "use gdb 13 or newer, or build the kernel with CONFIG_DEBUG_INFO_DWARF4=y"
	}
	return f
}
