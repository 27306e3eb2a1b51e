package kernel

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// logCont is the flag of a record that goes on with the line before it.
// Source: linux kernel/printk/internal.h, enum printk_info_flags.
const logCont = 8

// callerCPU marks a caller that is a CPU, not a task.
const callerCPU = 1 << 31

// Record is one message of the kernel's log; it may hold several lines.
type Record struct {
	Seq       uint64
	Time      time.Duration // since boot, as the kernel counts it
	Level     int           // 0 emergency to 7 debug
	Facility  int           // 0 kernel
	Caller    uint32        // who printed it; see CallerName
	Continued bool          // it goes on with the line of the record before
	Text      []byte        // raw: the guest may print anything
}

// CallerName is "T12" for task 12 and "C3" for CPU 3 outside any task.
func (r *Record) CallerName() string {
	if r.Caller&callerCPU != 0 {
		return fmt.Sprintf("C%d", r.Caller&^callerCPU)
	}
	return fmt.Sprintf("T%d", r.Caller)
}

// DmesgOptions choose what is printed in front of each line; nil means the time.
type DmesgOptions struct {
	Raw    bool // <6> in front, as dmesg -r has it
	Caller bool // [   T12] after the time, as with CONFIG_PRINTK_CALLER
}

// Dmesg renders records as the kernel itself prints them on its console: every
// line of a record has the prefix. Bytes that are no text are escaped as in
// /dev/kmsg, so the result is safe for a terminal.
func Dmesg(records []Record) []byte { return AppendDmesg(nil, records, nil) }

// AppendDmesg is [Dmesg] with options.
func AppendDmesg(dst []byte, records []Record, o *DmesgOptions) []byte {
	if o == nil {
		o = &DmesgOptions{}
	}
	for i := range records {
		r := &records[i]
		prefix := r.prefix(o)
		for line := range strings.SplitSeq(string(r.Text), "\n") { // a newline at the end is an empty line there, too
			dst = append(dst, prefix...)
			dst = appendEscaped(dst, line)
			dst = append(dst, '\n')
		}
	}
	return dst
}

// prefix renders level, time and caller.
// Source: linux kernel/printk/printk.c, info_print_prefix.
func (r *Record) prefix(o *DmesgOptions) []byte {
	var b bytes.Buffer
	if o.Raw {
		fmt.Fprintf(&b, "<%d>", r.Facility<<3|r.Level)
	}
	fmt.Fprintf(&b, "[%5d.%06d]", r.Time/time.Second, r.Time%time.Second/time.Microsecond)
	if o.Caller {
		fmt.Fprintf(&b, "[%6s]", r.CallerName())
	}
	b.WriteByte(' ')
	return b.Bytes()
}

// appendEscaped writes \xNN for control characters and broken UTF-8.
func appendEscaped(dst []byte, s string) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '\t' || unicode.IsPrint(r) && !(r == utf8.RuneError && n == 1):
			dst = append(dst, s[:n]...)
		default:
			for _, c := range []byte(s[:n]) {
				dst = fmt.Appendf(dst, `\x%02x`, c)
			}
		}
		s = s[n:]
	}
	return dst
}
