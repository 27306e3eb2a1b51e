package gdbview

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"strings"
)

// Thread numbers. A task is its pid; what has none is above every pid there can
// be (4194304, PID_MAX_LIMIT), with zeros that people can read.
const (
	Idle  = 10_000_000 // + the kernel's number of the CPU: its idle task
	CPU   = 20_000_000 // + index: a CPU where no task is known, or none is wanted
	Crash = 30_000_000 // + pid: the context in which that task has crashed
)

// TaskID is the number of a task's thread; idle tasks have pid 0 and are told
// apart by CPU.
func TaskID(pid, cpu int) int {
	if pid == 0 {
		return Idle + max(cpu, 0)
	}
	return pid
}

// Thread is one line of `info threads`.
type Thread struct {
	ID   int
	Core int    // CPU it runs on; -1 if it does not run
	Name string // in quotes
	Text string // in parentheses
}

// Shorten leaves what a list needs that nobody looks at: of those that do not run, the
// numbers. gdb takes a microsecond for each attribute. It names the thread that stopped.
func Shorten(list []Thread, stopped int) {
	for i := range list {
		if t := &list[i]; t.Core < 0 && t.ID != stopped {
			t.Name, t.Text = "", ""
		}
	}
}

// Threads is the object qXfer:threads.
func Threads(list []Thread) []byte {
	const usual = 64 // bytes of a thread
	b := append(make([]byte, 0, usual*(len(list)+1)), "<threads>\n"...)
	for i := range list {
		b = list[i].append(b)
	}
	return append(b, "</threads>\n"...)
}

func (t *Thread) append(b []byte) []byte {
	b = append(b, `<thread id="`...)
	b = strconv.AppendUint(b, uint64(t.ID), 16)
	if t.Core >= 0 {
		b = append(b, `" core="`...)
		b = strconv.AppendInt(b, int64(t.Core), 10)
	}
	if t.Name != "" {
		b = append(b, `" name="`...)
		b = appendEscaped(b, t.Name)
	}
	if t.Text == "" {
		return append(b, "\"/>\n"...)
	}
	b = append(b, `">`...)
	b = appendEscaped(b, t.Text)
	return append(b, "</thread>\n"...)
}

// appendEscaped appends text for XML; what XML cannot hold becomes U+FFFD.
func appendEscaped(b []byte, text string) []byte {
	special := func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`<>&"'`, r) }
	if strings.IndexFunc(text, special) < 0 {
		return append(b, text...)
	}
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, []byte(text)) // a bytes.Buffer takes everything
	return append(b, escaped.Bytes()...)
}
