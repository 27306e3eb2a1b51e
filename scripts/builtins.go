package scripts

import (
	"context"
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"ktrap/session"
	"ktrap/session/debug"
	"ktrap/session/expr"
	"ktrap/session/target"
	"ktrap/symbols/addr"
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
		{"on_crash", "handler", "handler(crash) is called when a trap stops the guest", (*Host).onCrash},
		{"run", "seconds=None", "let the guest run until a handler says STOP, a crash, a breakpoint, or time is up; returns why: stop, crash or timeout", (*Host).run},
		{"eval", "expr", "a C expression as a number, string or struct; needs a standing guest", (*Host).eval},
		{"show", "expr", "a C expression formatted as gdb prints it", (*Host).show},
		{"read", "address, size", "bytes of memory", (*Host).read},
		{"symbol", "address", "the function and offset at an address", (*Host).symbol},
		{"address", "name", "the address of a function or variable", (*Host).address},
		{"tasks", "", "every task: dicts with pid, tgid, comm, state, cpu, kthread, addr", (*Host).tasks},
		{"backtrace", "", "the stack, a list of func+0xoff/0xsize strings", (*Host).backtrace},
		{"guest", "command", "run a command in the guest over SSH and return its output; the guest runs meanwhile", (*Host).guest},
		{"start", "command", "start a command in the guest over SSH at the next run() and do not wait for it", (*Host).start},
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

// What a handler may return to stay stopped.
const stopWord = "stop"

func (h *Host) predeclared() starlark.StringDict {
	argv := make([]starlark.Value, len(h.o.Args))
	for i, a := range h.o.Args {
		argv[i] = starlark.String(a)
	}
	d := starlark.StringDict{
		"STOP": starlark.String(stopWord), "CONTINUE": starlark.None,
		"argv": starlark.NewList(argv),
	}
	for _, b := range builtins() {
		d[b.name] = starlark.NewBuiltin(b.name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
			return b.run(h, t, args, kw)
		})
	}
	return d
}

func (h *Host) breakAt(t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var where string
	var handler starlark.Callable
	if err := starlark.UnpackArgs("break_at", args, kw, "where", &where, "handler?", &handler); err != nil {
		return nil, err
	}
	ctx := contextOf(t)
	set := func(ctx context.Context, v *session.Stopped) error {
		places, err := h.dbg.Resolve(ctx, v, where)
		if err != nil {
			return err
		}
		for _, at := range places {
			k, err := v.Hook(ctx, at, func(hookCtx context.Context, v *session.Stopped, cpu target.CPU) bool {
				return h.handle(hookCtx, v, cpu, where, handler)
			})
			if err != nil {
				return err
			}
			h.hooks = append(h.hooks, k)
		}
		return nil
	}
	if h.lease != nil {
		return starlark.None, set(ctx, h.lease.v)
	}
	return starlark.None, h.s.Quiesced(ctx, set)
}

// handle runs a script's handler while the guest stands at its breakpoint. A
// handler that fails stops the guest and ends the script.
func (h *Host) handle(ctx context.Context, v *session.Stopped, cpu target.CPU, where string, handler starlark.Callable) bool {
	if handler == nil {
		h.stop = true
		return true
	}
	l, err := newLease(ctx, v, cpu)
	if err != nil {
		h.err, h.stop = err, true
		return true
	}
	h.lease = l
	defer func() { h.lease = nil }()
	hit := h.newHit(ctx, l, where)
	said, err := starlark.Call(h.thread(ctx, where), handler, starlark.Tuple{hit}, nil)
	if err != nil {
		h.err = explain(err)
	}
	h.stop = h.stop || err != nil || said == starlark.String(stopWord)
	return h.stop
}

func (h *Host) onCrash(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("on_crash", args, kw, "handler", &h.crash); err != nil {
		return nil, err
	}
	return starlark.None, nil
}

// run lets the guest run. The script's top level is blocked here while handlers run.
func (h *Host) run(t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var seconds starlark.Value = starlark.None
	if err := starlark.UnpackArgs("run", args, kw, "seconds?", &seconds); err != nil {
		return nil, err
	}
	ctx := contextOf(t)
	timed, cancel := ctx, context.CancelFunc(func() {})
	if n, ok := starlark.AsFloat(seconds); ok {
		timed, cancel = context.WithTimeout(ctx, time.Duration(n*float64(time.Second)))
	}
	defer cancel()
	h.stop = false
	h.launch(ctx)
	stop, err := h.dbg.Continue(timed)
	switch {
	case err != nil:
		return nil, err
	case h.err != nil:
		return nil, h.err
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case stop.Crash != nil:
		return starlark.String("crash"), h.tellCrash(t, stop.Crash)
	case h.stop:
		return starlark.String(stopWord), nil
	case timed.Err() != nil:
		return starlark.String("timeout"), nil
	}
	return starlark.String(stopWord), nil
}

func (h *Host) tellCrash(t *starlark.Thread, c *session.Crash) error {
	if h.crash == nil {
		return nil
	}
	_, err := starlark.Call(t, h.crash, starlark.Tuple{newCrash(c)}, nil)
	return err
}

func (h *Host) evaluate(t *starlark.Thread, name string, args starlark.Tuple, kw []starlark.Tuple, use func(expr.Value) (starlark.Value, error)) (out starlark.Value, err error) {
	var src string
	if err := starlark.UnpackArgs(name, args, kw, "expr", &src); err != nil {
		return nil, err
	}
	err = h.look(contextOf(t), func(ctx context.Context, l *lease) error {
		v, err := debug.Env(ctx, l.v, l.Place).Eval(src)
		if err != nil {
			return err
		}
		out, err = use(v)
		return err
	})
	return out, err
}

func (h *Host) eval(t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	return h.evaluate(t, "eval", args, kw, toStarlark)
}

func (h *Host) show(t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	return h.evaluate(t, "show", args, kw, func(v expr.Value) (starlark.Value, error) { return starlark.String(v.Format(nil)), nil })
}

// maxRead bounds one read, in bytes.
const maxRead = 16 << 20

func (h *Host) read(t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var at starlark.Int
	var size int
	if err := starlark.UnpackArgs("read", args, kw, "address", &at, "size", &size); err != nil {
		return nil, err
	}
	a, err := toAddr(at)
	if err != nil {
		return nil, err
	}
	if size < 0 || size > maxRead {
		return nil, fmt.Errorf("read: %d bytes are too many (at most %d)", size, maxRead)
	}
	buf := make([]byte, size)
	err = h.look(contextOf(t), func(ctx context.Context, l *lease) error {
		return l.v.Target.MemoryOf(ctx, l.CPU).ReadMemory(buf, a)
	})
	return starlark.Bytes(buf), err
}

func (h *Host) symbol(t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var at starlark.Int
	if err := starlark.UnpackArgs("symbol", args, kw, "address", &at); err != nil {
		return nil, err
	}
	a, err := toAddr(at)
	if err != nil {
		return nil, err
	}
	var name string
	err = h.look(contextOf(t), func(_ context.Context, l *lease) error {
		w, err := l.v.Kernel()
		if err == nil {
			name = w.SymbolName(a)
		}
		return err
	})
	return starlark.String(name), err
}

func (h *Host) address(t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs("address", args, kw, "name", &name); err != nil {
		return nil, err
	}
	var at addr.Addr
	err := h.look(contextOf(t), func(_ context.Context, l *lease) error {
		w, err := l.v.Kernel()
		if err != nil {
			return err
		}
		found := w.Symbols.Find(name)
		if len(found) == 0 {
			return fmt.Errorf("address: no symbol %q", name)
		}
		at = found[0].Start
		return nil
	})
	return starlark.MakeUint64(uint64(at)), err
}
