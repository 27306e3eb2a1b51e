package gdbview

import (
	"bytes"
	"encoding/xml"
	"fmt"
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

// Shorten leaves of those that do not run the numbers only.
func Shorten(list []Thread) {
	for i := range list {
		if t := &list[i]; t.Core < 0 {
			t.Name, t.Text = "", ""
		}
	}
}

// Threads is the object qXfer:threads.
func Threads(list []Thread) []byte {
	var b bytes.Buffer
	b.WriteString("<threads>\n")
	for _, t := range list {
		fmt.Fprintf(&b, `<thread id="%x"`, t.ID)
		if t.Core >= 0 {
			fmt.Fprintf(&b, ` core="%d"`, t.Core)
		}
		if t.Name == "" && t.Text == "" {
			b.WriteString("/>\n")
			continue
		}
		b.WriteString(` name="`)
		escape(&b, t.Name)
		b.WriteString(`">`)
		escape(&b, t.Text)
		b.WriteString("</thread>\n")
	}
	b.WriteString("</threads>\n")
	return b.Bytes()
}

// escape writes text for XML; what XML cannot hold becomes U+FFFD.
func escape(b *bytes.Buffer, text string) {
	_ = xml.EscapeText(b, []byte(text)) // a bytes.Buffer takes everything
}
