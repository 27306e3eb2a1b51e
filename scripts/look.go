package scripts

import (
	"context"
	"fmt"

	"go.starlark.net/starlark"

	"ktrap/session/debug"
	"ktrap/session/expr"
	"ktrap/symbols/addr"
)

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
