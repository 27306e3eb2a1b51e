package terminal

import (
	"context"
	"errors"
	"fmt"

	"ktrap/session/debug"
	"ktrap/symbols/disasm"
)

func data() []command {
	return []command{
		{names: []string{"print", "p"}, args: "[/F] EXPR", help: "a C expression: current->comm, $rdi, a local variable, per_cpu(runqueues, 0).nr_running", example: "print current->comm", run: printExpr},
		{names: []string{"x"}, args: "[/NFU] EXPR", help: "memory: x/4gx $rsp, x/8a $rsp, x/s ADDR, x/5i $rip; again: what follows", example: "x/8gx $rsp", again: true, goesOn: true, run: examine},
		{names: []string{"regs", "registers"}, help: "registers of the selected frame", example: "regs", run: registers},
		{names: []string{"list", "l"}, args: "[WHERE]", help: "source around the selected line or a place; again: what follows", example: "list vfs_write", again: true, goesOn: true, run: listSource},
		{names: []string{"disassemble", "disas"}, args: "[WHERE]", help: "the code around the pc, or a function's", example: "disassemble vfs_write", run: disassemble},
	}
}

func printExpr(ctx context.Context, t *Terminal, args string) error {
	if args == "" {
		return errors.New("print what? e.g. print init_task.comm")
	}
	text, err := t.dbg.Print(ctx, args)
	if err != nil {
		return err
	}
	t.printf("%s\n", block(text))
	return nil
}

// listContext is how many lines list shows on each side.
const listContext = 5

// listSource shows the lines around a place; without one those around the
// selected line, and then those that follow.
func listSource(ctx context.Context, t *Terminal, args string) (err error) {
	var l debug.Listing
	if args == "" && t.listed.Line != 0 {
		next := t.listed
		next.Line += 2*listContext + 1
		l, err = t.dbg.SourceOf(ctx, next, listContext)
	} else {
		l, err = t.dbg.Source(ctx, args, listContext)
	}
	if err != nil {
		return err
	}
	here, err := t.dbg.Selected(ctx)
	if err != nil {
		return err
	}
	t.listed = l.Location
	t.printf("%s\n", t.colors.dim(l.Location.File))
	for _, line := range l.Lines {
		mark := ink("  ")
		if line.Number == here.Line && l.Location.File == here.File {
			mark = t.colors.ok("=>")
		}
		t.printf("%s %5d  %s\n", mark, line.Number, block(line.Text))
	}
	return nil
}

// maxListing is how many instructions disassemble shows around the selected one.
const maxListing = 40

func disassemble(ctx context.Context, t *Terminal, args string) error {
	list, err := t.dbg.Disassemble(ctx, args)
	if err != nil {
		return err
	}
	whole := len(list)
	if whole > maxListing && args == "" {
		list = disasm.Around(list, maxListing/2, maxListing/2)
	}
	if err := t.showCode(ctx, list); err != nil {
		return err
	}
	if len(list) < whole {
		t.printf("%s\n", t.colors.dim(fmt.Sprintf("%d of %d instructions; `disassemble FUNCTION` shows all", len(list), whole)))
	}
	return nil
}

// showCode prints instructions, the one at the pc marked.
func (t *Terminal) showCode(ctx context.Context, list []disasm.Instruction) error {
	for _, in := range list {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		mark := ink("  ")
		if in.Marked {
			mark = t.colors.ok("=>")
		}
		t.printf("%s %s  %-30s %s\n", mark, in.Addr.String(), fmt.Sprintf("% x", in.Bytes), in.Text)
	}
	return nil
}
