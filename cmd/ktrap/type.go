package main

import (
	"bufio"
	"cmp"
	"debug/dwarf"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/types"
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

// The JSON form, one object per name; docs/type.md describes it.
type (
	typeAnswer struct {
		Input  string `json:"input"`
		Kind   string `json:"kind,omitempty"` // type, variable or member
		Type   string `json:"type,omitempty"`
		Size   int64  `json:"size,omitempty"`
		Reason string `json:"reason,omitempty"`
		// Definition says what a typedef stands for.
		Definition string           `json:"definition,omitempty"`
		Member     *typeMember      `json:"member,omitempty"`
		Variables  []typeVariable   `json:"variables,omitempty"`
		Layouts    []*types.Outline `json:"layouts,omitempty"` // several: different types of one name
	}
	typeMember struct {
		Of     string `json:"of"`
		Addr   string `json:"addr,omitempty"` // of a variable's member
		Decl   string `json:"decl"`
		Off    int64  `json:"offset"`
		Size   int64  `json:"size"`
		BitOff int64  `json:"bit_offset,omitempty"`
		Bits   int64  `json:"bit_size,omitempty"`
	}
	typeVariable struct {
		Decl   string `json:"decl"`
		Addr   string `json:"addr"`
		Size   int64  `json:"size"`
		PerCPU bool   `json:"per_cpu"`
		File   string `json:"file,omitempty"`
		Func   string `json:"func,omitempty"`
	}
)

func (c *typeCmd) answer(info *types.Info, name string) *typeAnswer {
	a := &typeAnswer{Input: name}
	s, err := info.Subject(name)
	if err != nil {
		a.Reason = err.Error()
		return a
	}
	a.Kind, a.Type = "type", types.Spell(s.Type)
	a.Size, _ = types.SizeOf(s.Type)
	for _, v := range s.Variables {
		a.Kind = "variable"
		size, _ := types.SizeOf(v.Type)
		a.Variables = append(a.Variables, typeVariable{types.Declare(v.Type, v.Name), v.Addr.String(), size, v.PerCPU, v.File, v.Func})
	}
	if f := s.Field; f != nil {
		a.Kind = "member"
		a.Member = &typeMember{types.Spell(s.Of), "", types.Declare(f.Type, f.Name), f.Off, f.Size, f.BitOff, f.BitSize}
		if len(s.Variables) == 1 {
			a.Member.Addr = (s.Variables[0].Addr + addr.LinkAddr(f.Off)).String()
		}
	}
	if td, ok := s.Type.(*dwarf.TypedefType); ok {
		a.Definition = types.Definition(td)
	}
	if a.Kind == "variable" {
		return a
	}
	for _, t := range append([]dwarf.Type{s.Type}, s.Others...) {
		switch layout, err := info.Outline(t, &types.OutlineOptions{Expand: c.Expand}); {
		case err == nil:
			a.Layouts = append(a.Layouts, layout)
		case !errors.Is(err, types.ErrNoLayout):
			a.Reason = err.Error()
		}
	}
	return a
}

// text writes the answer as C.
func (a *typeAnswer) text() string {
	if a.Kind == "" {
		return fmt.Sprintf("%s: ?? (%s)\n", clean(a.Input), clean(a.Reason))
	}
	var s strings.Builder
	switch a.Kind {
	case "member":
		s.WriteString(a.Member.text())
	case "variable":
		for _, v := range a.Variables {
			s.WriteString(clean(v.Decl) + ";" + v.comment() + "\n")
		}
	default:
		if len(a.Layouts) == 0 {
			fmt.Fprintf(&s, "%s;\t/* size %d */\n", clean(strings.TrimSuffix(cmp.Or(a.Definition, a.Type), ";")), a.Size)
		} else if a.Definition != "" {
			s.WriteString(clean(a.Definition) + "\n")
		}
	}
	for n, l := range a.Layouts {
		if n > 0 {
			s.WriteString("\n/* another type of that name */\n")
		}
		s.WriteString(l.String())
	}
	if a.Reason != "" {
		fmt.Fprintf(&s, "/* %s */\n", clean(a.Reason))
	}
	return s.String()
}

func (m *typeMember) text() string {
	s := clean(m.Decl)
	if m.Bits > 0 {
		s += fmt.Sprintf(":%d", m.Bits)
	}
	s += ";\t/* "
	if m.Addr != "" {
		s += "at " + m.Addr + ", "
	}
	s += fmt.Sprintf("offset %d (%#x)", m.Off, m.Off)
	if m.Bits > 0 {
		s += fmt.Sprintf(" bit %d", m.BitOff)
	} else {
		s += fmt.Sprintf(", size %d", m.Size)
	}
	return s + ", in " + clean(m.Of) + " */\n"
}

func (v *typeVariable) comment() string {
	s := fmt.Sprintf("\t/* at %s, size %d", v.Addr, v.Size)
	if v.PerCPU {
		s = fmt.Sprintf("\t/* per CPU, at offset %s, size %d", v.Addr, v.Size)
	}
	if v.Func != "" {
		s += ", in " + clean(v.Func) + "()"
	}
	if v.File != "" {
		s += ", " + clean(v.File)
	}
	return s + " */"
}
