package scripts

import (
	"fmt"

	"go.starlark.net/starlark"
)

// builtin is one function that scripts may call. The reference is made of this.
type builtin struct {
	name, args, help string
	run              func(h *Host, t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error)
}

// builtins is the table, in the order of the reference.
func builtins() []builtin {
	return []builtin{
		{"break_at", "where, handler=None", "stop at a function, FILE:LINE or *ADDRESS; handler(hit) returns STOP to stay stopped, else the guest goes on", (*Host).breakAt},
		{"on_crash", "handler", "handler(crash) is called when a trap stops the guest; it returns CONTINUE to let it go on, else run() ends", (*Host).onCrash},
		{"run", "seconds=None", "let the guest run until a handler says STOP, a crash, the commands of start() have ended, or time is up; returns why: stop, crash, done or timeout", (*Host).run},
		{"eval", "expr", "a C expression as a number or string, a struct as text; in a handler where the CPU stands, so that parameters and local variables have their names", (*Host).eval},
		{"show", "expr", "a C expression formatted as gdb prints it", (*Host).show},
		{"read", "address, size", "bytes of memory", (*Host).read},
		{"symbol", "address", "the function and offset at an address", (*Host).symbol},
		{"address", "name", "the address of a function or variable", (*Host).address},
		{"tasks", "", "every task, with pid, tgid, comm, state, cpu, kthread, addr", (*Host).tasks},
		{"backtrace", "", "the stack, a list of func+0xoff/0xsize strings", (*Host).backtrace},
		{"guest", "command", "run a command in the guest over SSH and return its output; the guest runs meanwhile", (*Host).guest},
		{"start", "command", "start a command in the guest over SSH at the next run(), which ends with it", (*Host).start},
		{"hex", "number", "0x..., of numbers below 0 as 64 bits", (*Host).hex},
		{"pad", "value, width", "its text with spaces to the right, to the left for a negative width", (*Host).pad},
	}
}

// Reference renders the table as Markdown.
func Reference() string {
	out := ""
	for _, b := range builtins() {
		out += fmt.Sprintf("- `%s(%s)`: %s\n", b.name, b.args, b.help)
	}
	return out
}

// What a handler may return.
const (
	stopWord     = "stop"     // of break_at: stay stopped
	continueWord = "continue" // of on_crash: go on
)

func (h *Host) predeclared() starlark.StringDict {
	argv := make([]starlark.Value, len(h.o.Args))
	for i, a := range h.o.Args {
		argv[i] = starlark.String(a)
	}
	d := starlark.StringDict{
		"STOP": starlark.String(stopWord), "CONTINUE": starlark.String(continueWord),
		"argv": starlark.NewList(argv),
	}
	for _, b := range builtins() {
		d[b.name] = starlark.NewBuiltin(b.name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
			return b.run(h, t, args, kw)
		})
	}
	return d
}

func (h *Host) hex(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var n starlark.Int
	if err := starlark.UnpackArgs("hex", args, kw, "number", &n); err != nil {
		return nil, err
	}
	if u, ok := n.Uint64(); ok {
		return starlark.String(fmt.Sprintf("%#x", u)), nil
	}
	if i, ok := n.Int64(); ok {
		return starlark.String(fmt.Sprintf("%#x", uint64(i))), nil
	}
	return nil, fmt.Errorf("hex: %v does not fit 64 bits", n)
}

// maxPad bounds the width of pad.
const maxPad = 1000

func (h *Host) pad(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	var width int
	if err := starlark.UnpackArgs("pad", args, kw, "value", &v, "width", &width); err != nil {
		return nil, err
	}
	if width < -maxPad || width > maxPad {
		return nil, fmt.Errorf("pad: want a width of at most %d", maxPad)
	}
	text, ok := starlark.AsString(v)
	if !ok {
		text = v.String()
	}
	return starlark.String(fmt.Sprintf("%*s", -width, text)), nil
}
