package debug

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"ktrap/session"
	"ktrap/symbols/addr"
)

// Resolve finds the addresses that a location names:
//
//	vfs_write       entry of a function; of all of that name
//	vfs_write+0x10  an offset in it
//	file.c:120      statements of a source line
//	120             the same in the selected frame's file
//	*0xffff...      an address; any expression after the star
func (d *Debugger) Resolve(ctx context.Context, v *session.Stopped, where string) ([]addr.Addr, error) {
	where = strings.TrimSpace(where)
	if isAddress(where) {
		value, err := d.evalIn(ctx, v, where[1:])
		if err != nil {
			return nil, err
		}
		n, err := value.Uint()
		if err != nil {
			return nil, fmt.Errorf("resolve %q: %w", where, err)
		}
		return []addr.Addr{addr.Addr(n)}, nil
	}
	w, err := v.Kernel()
	if err != nil {
		return nil, err
	}
	if where, err = d.qualified(where); err != nil {
		return nil, err
	}
	if file, line, ok := cutLine(where); ok {
		if at := w.Symbols.Lines(file, line); len(at) > 0 {
			return at, nil
		}
		return nil, fmt.Errorf("resolve %q: no code for line %d of %q", where, line, file)
	}
	name, off := where, uint64(0)
	if base, rest, ok := strings.Cut(where, "+"); ok {
		if off, err = strconv.ParseUint(rest, 0, 64); err != nil {
			return nil, fmt.Errorf("resolve %q: %q is no offset", where, rest)
		}
		name = base
	}
	var out []addr.Addr
	for _, f := range w.Symbols.Find(name) {
		if w.Symbols.IsText(f.Start) {
			out = append(out, f.Start+addr.Addr(off))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("resolve %q: no function of this name in vmlinux or a loaded module", where)
	}
	return out, nil
}

// isAddress reports whether where is an address, whatever lies there.
func isAddress(where string) bool { return strings.HasPrefix(where, "*") }

// qualified puts the selected frame's file before a line without one.
func (d *Debugger) qualified(where string) (string, error) {
	file, line, ok := cutLine(where)
	if !ok || file != "" {
		return where, nil
	}
	if file = d.levels[d.level].File; file == "" {
		return "", fmt.Errorf("resolve %q: the selected frame has no source file: want FILE:LINE", where)
	}
	return fmt.Sprintf("%s:%d", file, line), nil
}

// cutLine splits FILE:LINE and LINE.
func cutLine(s string) (file string, line int, ok bool) {
	file, text, found := s, s, false
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		file, text, found = s[:i], s[i+1:], true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return "", 0, false
	}
	if !found {
		file = ""
	}
	return file, n, true
}
