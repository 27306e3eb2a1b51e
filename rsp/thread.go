package rsp

import (
	"fmt"
	"strconv"
	"strings"
)

// ThreadID names a thread of a stub; QEMU's threads are its CPUs, counted from
// one. PID is zero when the multiprocess extension is not in use.
type ThreadID struct{ PID, TID int }

var (
	// AnyThread leaves the choice to the stub; requests for it need no Hg.
	AnyThread = ThreadID{}
	// AllThreads means every thread there is.
	AllThreads = ThreadID{TID: -1}
)

// String gives the form used on the wire, hexadecimal: "p1.2", or "2".
func (t ThreadID) String() string {
	if t.PID == 0 {
		return hexInt(t.TID)
	}
	return "p" + hexInt(t.PID) + "." + hexInt(t.TID)
}

func hexInt(n int) string { return strconv.FormatInt(int64(n), 16) }

// ParseThreadID reads "2", "-1", "p1.2", "p1.-1" or "p1" (every thread of 1).
func ParseThreadID(s string) (ThreadID, error) {
	var t ThreadID
	pid, tid, both := s, s, false
	if strings.HasPrefix(s, "p") {
		pid, tid, both = strings.Cut(s[1:], ".")
		n, err := parseThreadNumber(pid)
		if err != nil {
			return ThreadID{}, fmt.Errorf("parse process of thread %q: %w", s, err)
		}
		if t.PID = n; !both {
			t.TID = -1
			return t, nil
		}
	}
	n, err := parseThreadNumber(tid)
	if err != nil {
		return ThreadID{}, fmt.Errorf("parse thread %q: %w", s, err)
	}
	t.TID = n
	return t, nil
}

// parseThreadNumber reads -1 or up to 31 bits of hexadecimal digits.
func parseThreadNumber(s string) (int, error) {
	if s == "-1" {
		return -1, nil
	}
	n, err := strconv.ParseUint(s, 16, 31)
	if err != nil {
		return 0, &SyntaxError{Msg: fmt.Sprintf("bad thread number %q", s)}
	}
	return int(n), nil
}
