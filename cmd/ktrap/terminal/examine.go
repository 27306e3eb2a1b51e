package terminal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ktrap/symbols/addr"
)

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
	if what == "" && t.examined == 0 {
		return errors.New("x what? e.g. x/8gx $rsp")
	}
	if what == "" {
		what = fmt.Sprintf("%#x", uint64(t.examined))
	}
	switch f.style {
	case 's':
		return t.examineString(ctx, what)
	case 'i':
		return t.examineCode(ctx, what, f.count)
	case 'a':
		f.size = 8
	case 'c':
		f.size = 1
	}
	at, raw, err := t.dbg.Examine(ctx, what, f.count*f.size)
	if err != nil {
		return err
	}
	t.examined = at + addr.Addr(len(raw))
	perLine := 16 / f.size
	if f.style == 'a' {
		perLine = 1
	}
	for i := 0; i < f.count; i++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if i%perLine == 0 {
			if i > 0 {
				t.printf("\n")
			}
			t.printf("%v:", at+addr.Addr(i*f.size))
		}
		unit := raw[i*f.size : (i+1)*f.size]
		t.printf(" %s", formatUnit(unit, f))
		if f.style == 'a' {
			t.printf(" %s", t.colors.fn(t.dbg.Symbol(addr.Addr(binary.LittleEndian.Uint64(unit)))))
		}
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
	t.examined = at + addr.Addr(len(raw))
	text, _, ended := strings.Cut(string(raw), "\x00")
	t.printf("%v: %s", at, strconv.Quote(text))
	if ended {
		t.examined = at + addr.Addr(len(text)+1)
	} else {
		t.printf("...")
	}
	t.printf("\n")
	return nil
}

// examineCode lists instructions.
func (t *Terminal) examineCode(ctx context.Context, what string, n int) error {
	list, err := t.dbg.Code(ctx, what, n)
	if err != nil || len(list) == 0 {
		return err
	}
	t.examined = list[len(list)-1].End()
	return t.showCode(ctx, list)
}
