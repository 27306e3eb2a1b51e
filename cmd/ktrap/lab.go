package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"ktrap/session/lab"
)

type labCmd struct {
	Prepare labPrepareCmd `cmd:"" help:"Make a kernel ready: download, unpack, build the initramfs and the crash module."`
	Install labInstallCmd `cmd:"" help:"Install the packages that the lab and the tests need (apt, as root or through sudo)."`
	Demo    labDemoCmd    `cmd:"" help:"Crash a kernel and show what ktrap sees."`
	Path    labPathCmd    `cmd:"" help:"Print where a part lies: ${parts}."`
	List    labListCmd    `cmd:"" default:"withargs" help:"List kernels, cached and offered."`
	Remove  labRemoveCmd  `cmd:"" help:"Delete kernels from the cache."`
	Source  labSourceCmd  `cmd:"" help:"Fetch the source text of a kernel, for listings (${source_size})."`
}

// Help is the long text of `ktrap lab --help`.
func (*labCmd) Help() string {
	return `Examples:

  ktrap lab prepare          the default kernel
  ktrap lab path vmlinux --series 6.12
  ktrap boot --lab 6.1`
}

// seriesFlag names a kernel series.
type seriesFlag struct {
	Series string `default:"6.1" placeholder:"SERIES" help:"Kernel series (default 6.1)."`
}

func openLab(log *slog.Logger) (*lab.Lab, error) { return lab.Open(&lab.Options{Log: log}) }

type labPrepareCmd struct {
	Series  string `arg:"" default:"6.1" optional:"" help:"Kernel series: 6.1, 6.12 or what apt offers."`
	Refresh bool   `help:"Fetch a newer kernel if apt has one."`
}

// Run prepares a series.
func (c *labPrepareCmd) Run(ctx context.Context, log *slog.Logger) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	k, err := prepareLab(ctx, log, c.Series, c.Refresh)
	if err != nil {
		return err
	}
	fmt.Printf("Linux %s is ready in %s\n", k.Release, k.Dir)
	return nil
}

func prepareLab(ctx context.Context, log *slog.Logger, series string, refresh bool) (*lab.Kernel, error) {
	l, err := openLab(log)
	if err != nil {
		return nil, err
	}
	p := &labProgress{}
	defer p.end()
	return l.Prepare(ctx, series, &lab.PrepareOptions{Progress: p.show, Refresh: refresh})
}

// labProgress shows steps on stderr, with a bar where bytes are counted and
// somebody watches.
type labProgress struct {
	step string
	bar  *progressbar.ProgressBar
}

func (p *labProgress) show(e lab.Event) {
	if e.Step != "" && e.Step != p.step {
		p.end()
		p.step = e.Step
		progress("%s", e.Step)
	}
	if e.Total <= 0 || !term.IsTerminal(int(os.Stderr.Fd())) {
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(e.Total, progressbar.OptionSetWriter(os.Stderr),
			progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
	}
	_ = p.bar.Set64(e.Done) // a bar that cannot be drawn is no reason to stop
}

func (p *labProgress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
}

type labPathCmd struct {
	Name string `arg:"" enum:"${part_enum}" help:"One of ${parts}. The key logs in as root; headers are the build tree for modules; source must have been fetched."`
	seriesFlag
}

// Run prints a path.
func (c *labPathCmd) Run(log *slog.Logger) error {
	l, err := openLab(log)
	if err != nil {
		return err
	}
	path, err := l.Path(c.Series, c.Name)
	if err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}

type labListCmd struct {
	List   bool   `help:"List (the default)."`
	Remove string `placeholder:"SERIES" help:"Delete this kernel from the cache instead."`
	Format string `enum:"text,json" default:"text" help:"text or json."`
}

// Run lists what there is.
func (c *labListCmd) Run(ctx context.Context, log *slog.Logger) error {
	if c.Remove != "" {
		return (&labRemoveCmd{Series: []string{c.Remove}}).Run(log)
	}
	l, err := openLab(log)
	if err != nil {
		return err
	}
	entries, err := l.List(ctx)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return json.NewEncoder(os.Stdout).Encode(entries)
	}
	for _, e := range entries {
		state := "not cached"
		switch {
		case e.Problem != "":
			state = e.Problem
		case e.Release != "":
			state = fmt.Sprintf("cached: %s, %s in %s", e.Release, lab.Size(e.Bytes), e.Dir)
		}
		offered := ""
		if e.Offered != "" {
			offered = "apt offers " + e.Offered
		}
		fmt.Println(strings.TrimRight(fmt.Sprintf("%-8s %s  %s", e.Series, state, offered), " "))
	}
	if len(entries) == 0 {
		fmt.Println("no kernels cached, and apt offers none: `apt-get update` as root may help")
	}
	return nil
}

type labRemoveCmd struct {
	Series []string `arg:"" help:"Kernel series."`
}

// Run deletes kernels.
func (c *labRemoveCmd) Run(log *slog.Logger) error {
	l, err := openLab(log)
	if err != nil {
		return err
	}
	for _, s := range c.Series {
		freed, err := l.Remove(s)
		if err != nil {
			return err
		}
		if freed == 0 {
			fmt.Printf("there is no kernel %s in the lab\n", s)
		} else {
			fmt.Printf("removed kernel %s, %s\n", s, lab.Size(freed))
		}
	}
	return nil
}

type labSourceCmd struct{ seriesFlag }

// Run fetches source text.
func (c *labSourceCmd) Run(ctx context.Context, log *slog.Logger) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	l, err := openLab(log)
	if err != nil {
		return err
	}
	p := &labProgress{}
	defer p.end()
	path, err := l.FetchSource(ctx, c.Series, p.show)
	if err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}
