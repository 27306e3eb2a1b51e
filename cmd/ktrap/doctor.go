package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"ktrap/rsp"
	"ktrap/session/lab"
	"ktrap/symbols"
)

type doctorCmd struct {
	Vmlinux string `arg:"" optional:"" help:"A vmlinux to look at."`
	Stub    string `default:"${stub}" placeholder:"ADDR" help:"A stub to look at (default localhost:1234)."`
	Format  string `enum:"text,json" default:"text" help:"text or json."`
}

// Help is the long text of `ktrap doctor --help`.
func (*doctorCmd) Help() string {
	return `Exit status 1 if something is wrong that ktrap needs.
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
	list := append(hostFindings(), labFindings(ctx, log)...)
	if c.Vmlinux != "" {
		list = append(list, vmlinuxFindings(c.Vmlinux)...)
	}
	list = append(list, stubFinding(ctx, c.Stub, log))
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
			fmt.Printf("%-8s %-22s %s\n", f.State, f.What, f.Detail)
			if f.Do != "" {
				fmt.Printf("%31s -> %s\n", "", f.Do)
			}
		}
	}
	if bad {
		return &exitError{Status: exitFailed}
	}
	return nil
}

func hostFindings() []finding {
	var out []finding
	for _, r := range lab.Requirements() {
		f := finding{What: r.Command, State: "ok"}
		path, ok := r.Find()
		if ok {
			f.Detail = path
		} else {
			f.State, f.Detail, f.Do = "missing", r.Why, "apt-get install "+r.Package
		}
		out = append(out, f)
	}
	kvm := finding{What: "/dev/kvm", State: "note", Detail: "not there: QEMU emulates (TCG), which is slow but works"}
	if f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err == nil {
		f.Close()
		kvm.Detail = "can be opened; ktrap uses it only with KTRAP_ACCEL=kvm"
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
			f.State, f.Detail, f.Do = "note", e.Problem, "ktrap lab prepare "+e.Series
		case e.Release == "":
			f.State, f.Detail = "note", "not cached; apt offers "+e.Offered
		}
		out = append(out, f)
	}
	return out
}

func vmlinuxFindings(path string) []finding {
	im, err := symbols.Open(path, nil)
	if err != nil {
		return []finding{{What: "vmlinux", State: "wrong", Detail: err.Error()}}
	}
	defer im.Close()
	out := []finding{{What: "vmlinux", State: "ok", Detail: im.Banner()}}
	if im.Banner() == "" {
		out[0] = finding{What: "vmlinux", State: "wrong", Detail: "no linux_banner: no vmlinux, or stripped", Do: "use the vmlinux of the build tree, or install the -dbg package"}
	}
	dwarf := finding{What: "debug information", State: "ok", Detail: "DWARF"}
	if !im.HasDWARF() {
		dwarf = finding{What: "debug information", State: "wrong", Detail: "none: names only, no file:line, no variables", Do: "CONFIG_DEBUG_INFO_DWARF5=y, or install the -dbg package"}
	}
	out = append(out, dwarf)
	if im.BuildID() == "" {
		out = append(out, finding{What: "build-id", State: "wrong", Detail: "none: a match with the guest cannot be proven"})
	} else {
		out = append(out, finding{What: "build-id", State: "ok", Detail: im.BuildID()})
	}
	unwind := finding{What: "unwind tables", State: "ok", Detail: "ORC"}
	if !im.File().Has(".orc_unwind") {
		unwind = finding{What: "unwind tables", State: "note", Detail: "no ORC: .debug_frame and frame pointers are used; stacks may end at interrupts", Do: "CONFIG_UNWINDER_ORC=y"}
	}
	return append(out, unwind)
}

// stubTimeout bounds the look at a stub.
const stubTimeout = 3 * time.Second

func stubFinding(ctx context.Context, stub string, log *slog.Logger) finding {
	f := finding{What: "stub " + stub, State: "note"}
	ctx, cancel := context.WithTimeout(ctx, stubTimeout)
	defer cancel()
	conn, err := rsp.Dial(ctx, stub)
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	c := rsp.NewClient(conn, &rsp.ClientOptions{Log: log})
	ended := make(chan error, 1)
	go func() { ended <- c.Run() }() // ends with Close
	features, err := c.Handshake(ctx)
	if c.Features().Ran { // stopped for this look
		err = errors.Join(err, c.Detach(ctx))
	}
	err = errors.Join(err, c.Close())
	<-ended
	if err != nil {
		f.State, f.Detail = "wrong", err.Error()
		return f
	}
	f.State, f.Detail = "ok", fmt.Sprintf("answers; QEMU=%v, packets up to %#x bytes", features.QEMU, features.PacketSize)
	return f
}
