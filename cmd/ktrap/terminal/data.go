package terminal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ktrap/session/disasm"
	"ktrap/symbols"
	"ktrap/symbols/addr"
)

func data() []command {
	return []command{
		{names: []string{"print", "p"}, args: "EXPR", help: "a C expression: init_task.comm, $rdi, per_cpu(runqueues, 0).nr_running", run: printExpr},
		{names: []string{"x"}, args: "[/Nfu] EXPR", help: "memory: x/4gx $rsp, x/s ADDR, x/20b ADDR", run: examine},
		{names: []string{"regs", "registers"}, help: "registers of the selected frame", run: registers},
		{names: []string{"list", "l"}, args: "[N]", help: "source around the selected line", run: listSource},
		{names: []string{"disassemble", "disas"}, args: "[WHERE]", help: "code of a function", run: disassemble},
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
	t.printf("%s\n", text)
	return nil
}

// format is gdb's /NFU: how many, shown how, of which size.
type format struct {
	count int
	style byte // x, d, u, s, i, c
	size  int  // bytes
}

var unitSizes = map[byte]int{'b': 1, 'h': 2, 'w': 4, 'g': 8}

// maxExamine bounds what one x command reads, in units.
const maxExamine = 4096

func parseFormat(args string) (format, string, error) {
	f := format{count: 1, style: 'x', size: 8}
	if !strings.HasPrefix(args, "/") {
		return f, args, nil
	}
	spec, rest, _ := strings.Cut(args[1:], " ")
	digits := len(spec) - len(strings.TrimLeft(spec, "0123456789"))
	if digits > 0 {
		n, err := strconv.Atoi(spec[:digits])
		if err != nil || n < 1 || n > maxExamine {
			return f, "", fmt.Errorf("x/%s: want a count of 1 to %d", spec, maxExamine)
		}
		f.count = n
	}
	for _, c := range []byte(spec[digits:]) {
		if size, ok := unitSizes[c]; ok {
			f.size = size
		} else if strings.IndexByte("xduscia", c) >= 0 {
			f.style = c
		} else {
			return f, "", fmt.Errorf("x/%s: unknown format %q (x d u s i c a, b h w g)", spec, c)
		}
	}
	return f, strings.TrimSpace(rest), nil
}

func examine(ctx context.Context, t *Terminal, args string) error {
	f, what, err := parseFormat(args)
	if err != nil {
		return err
	}
	if what == "" {
		return errors.New("x what? e.g. x/8gx $rsp")
	}
	switch f.style {
	case 's':
		return t.examineString(ctx, what)
	case 'i':
		return disassemble(ctx, t, "*"+what)
	case 'c':
		f.size = 1
	}
	at, raw, err := t.dbg.Examine(ctx, what, f.count*f.size)
	if err != nil {
		return err
	}
	perLine := 16 / f.size
	for i := 0; i < f.count; i++ {
		if i%perLine == 0 {
			if i > 0 {
				t.printf("\n")
			}
			t.printf("%v:", at+addr.Addr(i*f.size))
		}
		t.printf(" %s", formatUnit(raw[i*f.size:(i+1)*f.size], f))
	}
	t.printf("\n")
	return nil
}

func formatUnit(b []byte, f format) string {
	var buf [8]byte
	copy(buf[:], b)
	v := binary.LittleEndian.Uint64(buf[:])
	switch f.style {
	case 'd':
		shift := 64 - 8*f.size
		return strconv.FormatInt(int64(v<<shift)>>shift, 10)
	case 'u':
		return strconv.FormatUint(v, 10)
	case 'c':
		return strconv.QuoteRune(rune(b[0]))
	}
	return fmt.Sprintf("0x%0*x", 2*f.size, v)
}

// maxString bounds what x/s reads, in bytes.
const maxString = 256

func (t *Terminal) examineString(ctx context.Context, what string) error {
	var raw []byte
	at, raw, err := t.dbg.Examine(ctx, what, maxString)
	for n := maxString / 2; err != nil && n >= 1; n /= 2 { // the string may end just before unmapped memory
		if at, raw, err = t.dbg.Examine(ctx, what, n); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	text, _, ended := strings.Cut(string(raw), "\x00")
	t.printf("%v: %q", at, text)
	if !ended {
		t.printf("...")
	}
	t.printf("\n")
	return nil
}

func registers(ctx context.Context, t *Terminal, _ string) error {
	regs, err := t.dbg.Registers(ctx)
	if err != nil {
		return err
	}
	for i, r := range regs {
		value := r.Value
		if value == "" {
			value = t.colors.dim("<unavailable>     ")
		}
		t.printf("%-9s %s", r.Name, value)
		if i%3 == 2 || i == len(regs)-1 {
			t.printf("\n")
		} else {
			t.printf("   ")
		}
	}
	return nil
}

// listContext is how many lines list shows on each side.
const listContext = 5

func listSource(ctx context.Context, t *Terminal, args string) error {
	n, err := count(args, listContext)
	if err != nil {
		return err
	}
	l, err := t.dbg.Source(ctx, n)
	if err != nil {
		if errors.Is(err, symbols.ErrNoSource) {
			return fmt.Errorf("%w\n--source-dir or --substitute-path say where sources are; `ktrap lab source` fetches those of a lab kernel", err)
		}
		return err
	}
	for _, line := range l.Lines {
		mark := "  "
		if line.Number == l.Location.Line {
			mark = t.colors.ok("=>")
		}
		t.printf("%s %5d  %s\n", mark, line.Number, line.Text)
	}
	return nil
}

// showLine prints the selected source line if its text is here.
func (t *Terminal) showLine(ctx context.Context) {
	l, err := t.dbg.Source(ctx, 0)
	if err != nil || len(l.Lines) == 0 {
		return
	}
	t.printf("%d\t%s\n", l.Lines[0].Number, l.Lines[0].Text)
}

func disassemble(ctx context.Context, t *Terminal, args string) error {
	list, err := t.dbg.Disassemble(ctx, args)
	if err != nil {
		return err
	}
	if len(list) > maxListing && args == "" {
		list = disasm.Around(list, maxListing/2, maxListing/2)
	}
	for _, in := range list {
		mark := "  "
		if in.Marked {
			mark = t.colors.ok("=>")
		}
		t.printf("%s %v  %-30s %s\n", mark, in.Addr, fmt.Sprintf("% x", in.Bytes), in.Text)
	}
	return nil
}

// maxListing is how many instructions are shown around the selected one.
const maxListing = 40
