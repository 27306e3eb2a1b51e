package main

import (
	"bufio"
	"encoding/json"
	"log/slog"
	"os"

	"ktrap/symbols"
)

type typeCmd struct {
	Names   []string `arg:"" name:"NAME" help:"Type, variable, or either with .member: task_struct, init_task.comm. A vmlinux or module may stand first."`
	Vmlinux string   `placeholder:"FILE" help:"Kernel image (default ./vmlinux); of a module given first, the kernel it is for."`
	BuildID string   `name:"build-id" placeholder:"ID" help:"Find the kernel image by its build-id."`
	Expand  bool     `short:"E" help:"Open members that are structs or unions themselves."`
	Format  string   `enum:"text,json" default:"text" help:"text or json (one line per name)."`
}

// Help is the long text of ktrap type --help.
func (*typeCmd) Help() string {
	return `Offsets, sizes, holes and bit fields of structs, unions and enums; type and address
of variables. From the BTF of the image when it has some, else from its DWARF.
A name that is not known is answered with a reason; the exit status is 0.

Examples:
  ktrap type vmlinux task_struct            the whole layout
  ktrap type vmlinux task_struct.se.vruntime 'struct page.flags'
  ktrap type vmlinux init_task jiffies      variables: type and address
  ktrap type --vmlinux vmlinux ext4.ko ext4_inode_info
  ktrap type vmlinux list_head --format json`
}

// Run answers every name.
func (c *typeCmd) Run(log *slog.Logger) error {
	im, names, closeAll, err := c.open(log)
	if err != nil {
		return err
	}
	defer closeAll()
	if len(names) == 0 {
		return usage("which type or variable?")
	}
	if !im.HasDWARF() && !im.File().Has(".BTF") {
		say(os.Stderr, im.Path()+" has neither DWARF nor BTF: use the image of the build tree, or install the -dbg package")
	}
	out := bufio.NewWriter(os.Stdout)
	for n, name := range names {
		a := c.answer(im.Types(), name)
		if c.Format == "json" {
			_ = json.NewEncoder(out).Encode(a) // fails at the flush, if at all
			continue
		}
		if n > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(a.text())
	}
	return out.Flush()
}

// open opens the image and, of a module, its kernel.
func (c *typeCmd) open(log *slog.Logger) (im *symbols.Image, names []string, closeAll func(), err error) {
	o := &symbols.OpenOptions{Log: log, Fetch: fetchDebugInfo()}
	closeAll = func() {}
	path, names := firstFile(c.Names)
	switch {
	case path == "" && c.Vmlinux != "":
		path = c.Vmlinux
	case path == "":
		k := kernelFlags{BuildID: c.BuildID}
		if path, names, err = k.image(c.Names); err != nil {
			return nil, nil, nil, err
		}
	case c.Vmlinux != "":
		base, err := symbols.Open(c.Vmlinux, o)
		if err != nil {
			return nil, nil, nil, err
		}
		o.Base, closeAll = base, func() { base.Close() }
	}
	im, err = symbols.Open(path, o)
	if err != nil {
		closeAll()
		return nil, nil, nil, err
	}
	closeBase := closeAll
	return im, names, func() { im.Close(); closeBase() }, nil
}
