package main

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"

	"ktrap/symbols"
	"ktrap/symbols/addr"
)

type lookupCmd struct {
	Image    string   `arg:"" optional:"" name:"VMLINUX" help:"Kernel image, or a module's file. Left out: ./vmlinux."`
	Locs     []string `arg:"" optional:"" name:"LOC" help:"Address, NAME, NAME+0xOFF/0xSIZE or FILE:LINE; [module] may follow. None, or -: one per line from stdin."`
	Source   int      `short:"s" default:"-1" placeholder:"N" help:"Show the source line with N lines on both sides (0: the line alone)."`
	Style    string   `enum:"addr2line,trace" default:"addr2line" help:"Text as addr2line -afip writes it, or as in decoded traces with [inline]: addr2line or trace."`
	Demangle bool     `negatable:"" default:"true" help:"Make Rust and C++ names readable (JSON has both forms)."`
	Format   string   `enum:"text,json" default:"text" help:"text or json (one line per location)."`
	kernelFlags
	symbolFlags
}

// kernelFlags say what is known of a kernel that is not at hand.
type kernelFlags struct {
	Slide    string            `placeholder:"HEX" help:"What KASLR added, as in the Kernel Offset line of a panic; addresses given are run-time ones."`
	Kallsyms string            `placeholder:"FILE" help:"A copy of the guest's /proc/kallsyms: tells slide and modules, and names code without any file."`
	Module   map[string]string `placeholder:"NAME=ADDR" help:"Where the code of a module is, as /proc/modules says (repeatable)."`
	BuildID  string            `name:"build-id" placeholder:"ID" help:"Find VMLINUX by its build-id."`
}

// Help is the long text of ktrap lookup --help.
func (*lookupCmd) Help() string {
	return `Function, inlined callers and source line of places in the kernel. What cannot be
answered is answered with a reason on its line; the exit status is 0 all the same.
VMLINUX left out: ./vmlinux. Addresses are taken as they are: of a return address of
a stack, which lies behind the call, look up the byte before.

Examples:
  ktrap lookup vmlinux 0xffffffff8153cbcb            function, inlined callers, file:line
  ktrap lookup vmlinux vfs_write+0xc7/0x3f0          of several vfs_write the one with that size
  ktrap lookup vmlinux vfs_write                     the address of a name
  ktrap lookup vmlinux fs/read_write.c:567           the addresses of a line
  ktrap lookup vmlinux 'ext4_evict_inode+0x12 [ext4]' --modules /lib/modules/6.1.0
  ktrap lookup ext4.ko ext4_evict_inode+0x12 -s 3    a module's file alone, with source text
  ktrap lookup vmlinux --slide 0x19a00000 0xffffffff9af3cbcb
  ktrap lookup --kallsyms kallsyms.txt < addresses   no vmlinux: names only
  tail -f addresses | ktrap lookup vmlinux --format json`
}

// args are the arguments in order.
func (c *lookupCmd) args() []string {
	list := slices.Clone(c.Locs)
	if c.Image != "" {
		list = slices.Insert(list, 0, c.Image)
	}
	return list
}

// Run answers every location.
func (c *lookupCmd) Run(log *slog.Logger) error {
	kernel, locs, err := c.open(c.args(), &c.symbolFlags, log)
	if err != nil {
		return err
	}
	defer kernel.Stop()
	sources, err := c.sources(kernel)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	p := &lookupPrinter{out: out, trace: c.Style == "trace", demangle: c.Demangle, context: c.Source, sources: sources}
	write := p.text
	if c.Format == "json" {
		write = p.json
	}
	kernel.Prepare(locs)
	for _, loc := range joinModules(locs) {
		write(kernel.Ask(loc))
	}
	if len(locs) == 0 {
		err = stream(os.Stdin, out, kernel.Prepare, func(loc string) { write(kernel.Ask(loc)) })
	}
	return errors.Join(err, out.Flush())
}

// joinModules puts a [module] that the shell took for a word of its own back
// behind its symbol.
func joinModules(locs []string) []string {
	var list []string
	for _, l := range locs {
		if n := len(list); n > 0 && strings.HasPrefix(l, "[") && !strings.HasPrefix(l, "[<") {
			list[n-1] += " " + l
		} else {
			list = append(list, l)
		}
	}
	return list
}

// slideStep divides all that KASLR adds on x86-64, CONFIG_PHYSICAL_ALIGN.
const slideStep = 2 << 20

// open finds out which of the arguments is the image and opens it.
func (k *kernelFlags) open(args []string, sym *symbolFlags, log *slog.Logger) (*symbols.Offline, []string, error) {
	o := &symbols.OfflineOptions{ModuleDirs: sym.Modules, Bases: map[string]addr.Addr{}, Log: log, Fetch: fetchDebugInfo()}
	for name, base := range k.Module {
		a, err := strconv.ParseUint(base, 0, 64)
		if err != nil {
			return nil, nil, usage("parse --module %s=%s: want an address", name, base)
		}
		o.Bases[name] = addr.Addr(a)
	}
	if k.Slide != "" {
		slide, err := strconv.ParseUint(strings.TrimPrefix(k.Slide, "0x"), 16, 63)
		if err != nil {
			return nil, nil, usage("parse --slide %q: want hexadecimal digits", k.Slide)
		}
		if slide%slideStep != 0 {
			return nil, nil, usage("--slide %s: KASLR moves a kernel by multiples of %#x", k.Slide, slideStep)
		}
		o.Slide = addr.Slide(slide)
	}
	if k.Kallsyms != "" {
		table, err := readKallsyms(k.Kallsyms)
		if err != nil {
			return nil, nil, err
		}
		o.Kallsyms = table
	}
	path, args, err := k.image(args)
	if err != nil {
		return nil, nil, err
	}
	var image *symbols.Image
	if path != "" {
		if image, err = symbols.Open(path, &symbols.OpenOptions{Log: log, Fetch: o.Fetch}); err != nil {
			return nil, nil, err
		}
		sayWhatIsMissing(image)
	}
	kernel, err := symbols.NewOffline(image, o)
	if err != nil {
		if image != nil {
			image.Close() // read-only: nothing to lose
		}
		return nil, nil, err
	}
	if len(args) == 1 && args[0] == "-" {
		args = nil
	}
	return kernel, args, nil
}

// image takes the image off the arguments: a file that is there.
func (k *kernelFlags) image(args []string) (path string, rest []string, err error) {
	if path, rest = firstFile(args); path != "" {
		return path, rest, nil
	}
	if len(args) > 0 && strings.Contains(args[0], "vmlinux") {
		return "", nil, usage("open %s: no such file", args[0])
	}
	switch {
	case k.BuildID != "":
		path, err = findByID(k.BuildID, fetchDebugInfo())
	case k.Kallsyms != "":
		return "", args, nil
	default:
		if _, err := os.Stat("vmlinux"); err != nil {
			return "", nil, usage("which kernel? give its vmlinux first, or --build-id or --kallsyms; there is no ./vmlinux")
		}
		path = "vmlinux"
	}
	if err == nil {
		fmt.Fprintf(os.Stderr, "ktrap: using %s\n", path)
	}
	return path, args, err
}

// firstFile takes a file that is there off the arguments.
func firstFile(args []string) (path string, rest []string) {
	if len(args) > 0 {
		// A folder may be named as a function is; a path is always meant as one.
		st, err := os.Stat(args[0])
		if err == nil && (st.Mode().IsRegular() || strings.ContainsAny(args[0], "/.")) {
			return args[0], args[1:]
		}
	}
	return "", args
}

func readKallsyms(path string) (*symbols.Kallsyms, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read-only: nothing to lose
	table, err := symbols.ReadKallsyms(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return table, nil
}
