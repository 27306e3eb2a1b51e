package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ktrap/session/report"
	"ktrap/session/trap"
)

func monitorReport(_ context.Context, v *Stopped, _ *question) (string, error) {
	stop := v.LastStop()
	if stop.Crash == nil {
		return "the guest does not stand at a crash\n", nil
	}
	var b strings.Builder
	err := report.Text(&b, stop.Crash.Report, nil)
	return b.String(), err
}

func monitorSession(_ context.Context, v *Stopped, _ *question) (string, error) {
	w, err := v.Kernel()
	if err != nil {
		return "", err
	}
	k := w.Kernel
	var b strings.Builder
	fmt.Fprintf(&b, "Linux %s, slide %v (found by %s), build-id %s, %d traps armed\nvmlinux %s\n",
		k.Release, k.Slide, k.How, k.BuildID, len(v.armed), w.Symbols.Vmlinux().Path())
	if err := w.Unproven(); err != nil {
		fmt.Fprintf(&b, "%v\n", err)
	}
	fmt.Fprintf(&b, "guest RAM is read %s\n", v.Target.DirectRAM())
	return b.String(), nil
}

func monitorTraps(_ context.Context, v *Stopped, _ *question) (string, error) {
	var b strings.Builder
	for _, a := range slices.Sorted(maps.Keys(v.armed)) {
		fmt.Fprintf(&b, "%v %s\n", a, v.armed[a].Name)
	}
	fmt.Fprintf(&b, "policy: %v\n", v.opts.Policy)
	return b.String(), nil
}

func monitorOn(_ context.Context, v *Stopped, q *question) (string, error) {
	if q.args == "" {
		return "", errors.New("which class? e.g. warn=log; `monitor ktrap traps` tells what holds")
	}
	if v.opts.Policy == nil {
		v.opts.Policy = new(trap.Policy)
	}
	err := v.opts.Policy.Change(q.args)
	return fmt.Sprintf("policy: %v\n", v.opts.Policy), err
}

func monitorThreads(_ context.Context, v *Stopped, q *question) (string, error) {
	if q.args != "cpus" && q.args != "tasks" {
		return "", errors.New("which threads? cpus or tasks")
	}
	err := v.call(func() { q.g.byCPU = q.args == "cpus" })
	return fmt.Sprintf("threads are %s from the next stop on; `info threads` lists them now\n", q.args), err
}

func monitorList(_ context.Context, v *Stopped, q *question) (string, error) {
	var lines []string
	err := v.call(func() {
		for g := range v.gdbs {
			line := string(g.owner)
			switch {
			case g == q.g:
				line += ", this one"
			case g.waits:
				line += ", waits for the guest"
			}
			lines = append(lines, line)
		}
	})
	slices.Sort(lines)
	return fmt.Sprintf("gdb may join at %s\n%s\n", v.ListenAddr(), strings.Join(lines, "\n")), err
}
