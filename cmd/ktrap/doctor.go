package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ktrap/session/lab"
	"ktrap/session/vm"
	"ktrap/symbols"
	"ktrap/symbols/index"
)

type doctorCmd struct {
	Vmlinux string  `arg:"" optional:"" type:"existingfile" help:"A vmlinux to look at; compared with the guest, if there is one."`
	Stub    address `default:"${stub}" placeholder:"ADDR" help:"A stub to look at (default localhost:1234)."`
	Format  string  `enum:"text,json" default:"text" help:"text or json."`
}

// Help is the long text of `ktrap doctor --help`.
func (*doctorCmd) Help() string {
	return `Looks at this host, at the lab, at VMLINUX, and at the guest behind the stub: does it
answer, and is VMLINUX its kernel's? A guest that runs stands for a moment and runs on.
Exit status 1 if something is missing or wrong.

Examples:

  ktrap doctor
  ktrap doctor vmlinux --stub localhost:1234`
}

// finding is one thing that was looked at.
type finding struct {
	What   string `json:"what"`
	State  string `json:"state"` // ok, missing, wrong, note
	Detail string `json:"detail,omitempty"`
	Do     string `json:"do,omitempty"`
}

// Run looks and says.
func (c *doctorCmd) Run(ctx context.Context, log *slog.Logger) error {
	ctx, stop := interruptible(ctx) // a Ctrl-C must not leave the guest standing
	defer stop()
	list := slices.Concat(hostFindings(ctx), labFindings(ctx, log), cacheFindings(index.UserFolder()), sourceFindings(symbols.KeptSources()))
	if c.Vmlinux != "" {
		list = append(list, vmlinuxFindings(c.Vmlinux)...)
	}
	list = append(list, guestFindings(ctx, string(c.Stub), c.Vmlinux, log)...)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	bad := false
	for _, f := range list {
		bad = bad || f.State == "missing" || f.State == "wrong"
	}
	if c.Format == "json" {
		if err := json.NewEncoder(os.Stdout).Encode(list); err != nil {
			return err
		}
	} else {
		for _, f := range list {
			f.print(os.Stdout)
		}
	}
	if bad {
		return &exitError{Status: exitFailed}
	}
	return nil
}

// print writes a finding as one line, what has more of them below its column.
func (f *finding) print(w io.Writer) {
	detail := strings.ReplaceAll(vm.Printable([]byte(f.Detail)), "\n", fmt.Sprintf("\n%31s ", ""))
	fmt.Fprintf(w, "%-8s %-22s %s\n", f.State, f.What, detail)
	if f.Do != "" {
		fmt.Fprintf(w, "%31s -> %s\n", "", f.Do)
	}
}

func hostFindings(ctx context.Context) []finding {
	var out []finding
	for _, r := range lab.Requirements() {
		f := finding{What: r.Command, State: "ok"}
		path, ok := r.Find()
		if ok {
			f.Detail = path
		} else {
			f.State, f.Detail, f.Do = "missing", r.Why, "ktrap lab install, or apt-get install "+r.Package
		}
		out = append(out, f)
	}
	if f := gdbFinding(ctx, cmp.Or(os.Getenv("KTRAP_GDB"), "gdb")); f != nil {
		out = append(out, *f)
	}
	kvm := finding{What: "/dev/kvm", State: "note", Detail: "cannot be opened: guests are emulated (TCG), slow but complete"}
	if f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err == nil {
		f.Close()
		kvm.Detail = "can be opened; guests that ktrap starts use it only with KTRAP_ACCEL=kvm"
	}
	return append(out, kvm)
}

func labFindings(ctx context.Context, log *slog.Logger) []finding {
	l, err := openLab(log)
	if err != nil {
		return []finding{{What: "lab", State: "wrong", Detail: err.Error()}}
	}
	entries, err := l.List(ctx)
	if err != nil {
		return []finding{{What: "lab", State: "wrong", Detail: err.Error()}}
	}
	var out []finding
	for _, e := range entries {
		f := finding{What: "lab kernel " + e.Series, State: "ok", Detail: e.Release}
		switch {
		case e.Problem != "":
			f.State, f.Detail, f.Do = "wrong", e.Problem, "ktrap lab prepare "+e.Series
		case e.Release == "":
			f.State, f.Detail = "note", "not fetched; apt has "+e.Offered
		}
		out = append(out, f)
	}
	return out
}

// cacheFindings tells of the indexes kept of images that many addresses were
// looked up in; nil means that there is no place for them.
func cacheFindings(folder *index.Folder) []finding {
	f := finding{What: "kept indexes", State: "note"}
	if folder == nil {
		f.Detail, f.Do = "nowhere to keep them: every process builds its own", "set KTRAP_CACHE to a folder"
		return []finding{f}
	}
	n, size := folder.Usage()
	f.Detail = fmt.Sprintf("%d with %s of at most %s in %s", n, lab.Size(size), lab.Size(folder.Max), folder.Dir)
	return []finding{f}
}

// sourceFindings tells of the source text that was unpacked, if some was.
func sourceFindings(folder string) []finding {
	kept, _ := filepath.Glob(filepath.Join(folder, "*.zip")) // only a bad pattern fails
	var size int64
	for _, path := range kept {
		if st, err := os.Stat(path); err == nil {
			size += st.Size()
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return []finding{{What: "unpacked source", State: "note", Detail: fmt.Sprintf("%d with %s in %s", len(kept), lab.Size(size), folder)}}
}

func vmlinuxFindings(path string) []finding {
	im, err := symbols.Open(path, nil)
	if err != nil {
		return []finding{{What: "vmlinux", State: "wrong", Detail: err.Error()}}
	}
	defer im.Close()
	out := []finding{{What: "vmlinux", State: "ok", Detail: im.Banner()}}
	if im.Banner() == "" {
		out[0] = finding{What: "vmlinux", State: "wrong", Detail: "no linux_banner: not a vmlinux, or one without its symbols", Do: "name the vmlinux at the top of the build tree, or that of the -dbg package"}
	}
	dwarf := finding{What: "debug information", State: "ok", Detail: "DWARF"}
	if !im.HasDWARF() {
		dwarf = finding{What: "debug information", State: "wrong", Detail: "none: functions by name only, no file:line, no variables", Do: "build with CONFIG_DEBUG_INFO_DWARF5=y, or install the -dbg package"}
	}
	out = append(out, dwarf)
	if im.BuildID() == "" {
		out = append(out, finding{What: "build-id", State: "wrong", Detail: "none: that the guest runs this kernel cannot be proven", Do: "build with a linker that writes build-ids (--build-id), or attach with --force"})
	} else {
		out = append(out, finding{What: "build-id", State: "ok", Detail: im.BuildID()})
	}
	unwind := finding{What: "unwind tables", State: "ok", Detail: "ORC"}
	if !im.File().Has(".orc_unwind") {
		unwind = finding{What: "unwind tables", State: "note", Detail: "no ORC: .debug_frame is used instead; stacks may end at interrupts", Do: "build with CONFIG_UNWINDER_ORC=y"}
	}
	return append(out, unwind)
}
