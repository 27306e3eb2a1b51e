package debug

import (
	"context"
	"fmt"
	"strings"

	"ktrap/session"
	"ktrap/session/expr"
	"ktrap/session/target"
)

// Print evaluates a C expression in the selected frame and formats it as gdb
// does. A leading /FORMAT is gdb's: x, d, u, o, t, c, a, s.
func (d *Debugger) Print(ctx context.Context, src string) (text string, err error) {
	o := &expr.FormatOptions{}
	if spec, ok := strings.CutPrefix(src, "/"); ok {
		format, rest, _ := strings.Cut(spec, " ")
		if len(format) != 1 || !strings.Contains("xdoutcasz", format) {
			return "", fmt.Errorf("print /%s: want one of x d u o t c a s z", format)
		}
		o.Radix, src = format[0], rest
	}
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		value, err := d.evalIn(ctx, v, src)
		if err != nil {
			return err
		}
		text = value.Format(o)
		return nil
	})
	return text, err
}

// evalIn evaluates in the selected frame.
func (d *Debugger) evalIn(ctx context.Context, v *session.Stopped, src string) (expr.Value, error) {
	return Env(ctx, v, d.place()).Eval(src)
}

// checkCondition reports a condition that cannot even be parsed.
func (d *Debugger) checkCondition(src string) error {
	if _, err := expr.Parse(src, func(string) bool { return false }); err != nil {
		return fmt.Errorf("condition %q: %w", src, err)
	}
	return nil
}

// holds evaluates a condition where a CPU stands.
func (d *Debugger) holds(ctx context.Context, v *session.Stopped, cpu target.CPU, src string) (bool, error) {
	at, err := At(ctx, v, cpu)
	if err != nil {
		return false, err
	}
	value, err := Env(ctx, v, at).Eval(src)
	if err != nil {
		return false, err
	}
	n, err := value.Uint()
	return n != 0, err
}

// place is the selected level.
func (d *Debugger) place() Place { return d.placeOf(d.level) }

// placeOf is a level of the stack.
func (d *Debugger) placeOf(level int) Place {
	phys, first := d.levels[level].Phys, level
	for first > 0 && d.levels[first-1].Phys == phys {
		first--
	}
	return Place{CPU: d.cpu, Task: d.task, Frame: &d.frames[phys], Inline: level - first}
}

// Monitor runs a command of QEMU's monitor.
func (d *Debugger) Monitor(ctx context.Context, command string) (out string, err error) {
	err = d.S.Do(ctx, func(ctx context.Context, v *session.Stopped) error {
		out, err = v.Monitor(ctx, command)
		return err
	})
	return out, err
}
