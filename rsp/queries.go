package rsp

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
)

// Bounds on what a stub may make us collect.
const (
	maxThreads      = 1 << 16
	maxObjectBytes  = 64 << 20
	maxMonitorBytes = 64 << 20
)

// Threads lists the stub's threads.
func (c *Commands) Threads(ctx context.Context) ([]ThreadID, error) {
	var threads []ThreadID
	for ask := "qfThreadInfo"; ; ask = "qsThreadInfo" {
		reply, err := c.Do(ctx, AnyThread, []byte(ask))
		if err != nil {
			return nil, fmt.Errorf("list threads: %w", err)
		}
		if string(reply) == "l" {
			return threads, nil
		}
		list, ok := strings.CutPrefix(string(reply), "m")
		if !ok || len(threads) > maxThreads {
			return nil, fmt.Errorf("list threads: %w", &SyntaxError{Msg: fmt.Sprintf("reply %.40q after %d threads", reply, len(threads))})
		}
		for s := range strings.SplitSeq(list, ",") {
			t, err := ParseThreadID(s)
			if err != nil {
				return nil, fmt.Errorf("list threads: %w", err)
			}
			threads = append(threads, t)
		}
	}
}

// ThreadInfo returns what the stub says of a thread, QEMU "CPU#0 [running]".
func (c *Commands) ThreadInfo(ctx context.Context, t ThreadID) (string, error) {
	reply, err := c.Do(ctx, AnyThread, []byte("qThreadExtraInfo,"+t.String()))
	if err == nil {
		text := make([]byte, len(reply)/2)
		if err = unhex(text, reply); err == nil {
			return string(text), nil
		}
	}
	return "", fmt.Errorf("describe thread %v: %w", t, err)
}

// Monitor runs a command of the stub's own and returns its output. QEMU takes
// those of its monitor. The output may hold control characters.
func (c *Commands) Monitor(ctx context.Context, cmd string) (string, error) {
	var out strings.Builder // written by the reader until the reply is here
	reply, err := c.do(ctx, &request{
		body: []byte("qRcmd," + hex.EncodeToString([]byte(cmd))),
		output: func(text []byte) {
			if out.Len() < maxMonitorBytes {
				out.Write(text)
			}
		},
	})
	if err == nil && string(reply) != "OK" {
		text := make([]byte, len(reply)/2)
		err = unhex(text, reply)
		out.Write(text)
	}
	if err != nil {
		return "", fmt.Errorf("run monitor command %q: %w", cmd, err)
	}
	return out.String(), nil
}

// Xfer reads a whole object by qXfer.
func (c *Commands) Xfer(ctx context.Context, object, annex string) ([]byte, error) {
	var data []byte
	size := c.c.Features().PacketSize - len("$l#00")
	for {
		reply, err := c.Do(ctx, AnyThread, fmt.Appendf(nil, "qXfer:%s:read:%s:%x,%x", object, annex, len(data), size))
		if err != nil {
			return nil, fmt.Errorf("read object %s %q: %w", object, annex, err)
		}
		data = append(data, reply[1:]...)
		switch {
		case reply[0] == 'l':
			return data, nil
		case reply[0] != 'm' || len(reply) == 1:
			return nil, fmt.Errorf("read object %s %q: %w", object, annex, &SyntaxError{Msg: fmt.Sprintf("reply %.40q", reply)})
		case len(data) > maxObjectBytes:
			return nil, fmt.Errorf("read object %s %q: more than %d bytes: %w", object, annex, maxObjectBytes, ErrTooLong)
		}
	}
}
