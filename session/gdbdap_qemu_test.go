//go:build qemu

package session_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
)

// dapRow is the row of the debug adapter protocol, which has a driver of its own.
const dapRow = "DAP, as nvim-dap and VS Code use it"

// adapter gives the command of a debugger's debug adapter, nil if it has none: gdb
// has one since version 14, LLDB as a program of its own.
func (d *debugger) adapter() []string {
	if !d.lldb {
		major, _, _ := strings.Cut(d.version, ".")
		if n, err := strconv.Atoi(major); err != nil || n < 14 {
			return nil
		}
		return []string{d.program, "-nx", "-q", "-i=dap"}
	}
	for _, name := range []string{"lldb-dap", "lldb-dap-14", "lldb-vscode", "lldb-vscode-14"} {
		if path, err := exec.LookPath(name); err == nil {
			return []string{path}
		}
	}
	return nil
}

// dapMessage is a request, a response or an event.
type dapMessage struct {
	Seq       int             `json:"seq"`
	Type      string          `json:"type"`
	Command   string          `json:"command,omitempty"`
	Arguments any             `json:"arguments,omitempty"`
	Event     string          `json:"event,omitempty"`
	Success   bool            `json:"success,omitempty"`
	Message   string          `json:"message,omitempty"`
	Body      json.RawMessage `json:"body,omitempty"`
}

// dap talks to a debug adapter.
type dap struct {
	in  io.Writer
	out *bufio.Reader
	seq int
}

func (c *dap) send(command string, arguments any) error {
	c.seq++
	b, err := json.Marshal(dapMessage{Seq: c.seq, Type: "request", Command: command, Arguments: arguments})
	if err == nil {
		_, err = fmt.Fprintf(c.in, "Content-Length: %d\r\n\r\n%s", len(b), b)
	}
	return err
}

// until reads up to a response or an event of a name.
func (c *dap) until(what string, body any) error {
	for {
		n := 0
		for {
			line, err := c.out.ReadString('\n')
			if err != nil {
				return fmt.Errorf("wait for %s: %w", what, err)
			}
			if v, ok := strings.CutPrefix(strings.TrimSpace(line), "Content-Length: "); ok {
				n, _ = strconv.Atoi(v) // 0 is refused below
			} else if strings.TrimSpace(line) == "" && n > 0 {
				break
			}
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(c.out, b); err != nil {
			return err
		}
		var m dapMessage
		if err := json.Unmarshal(b, &m); err != nil {
			return err
		}
		switch {
		case m.Type == "response" && !m.Success:
			return fmt.Errorf("%s: %s", m.Command, b)
		case m.Type == "response" && m.Command == what, m.Type == "event" && m.Event == what:
			if body == nil {
				return nil
			}
			return json.Unmarshal(m.Body, body)
		}
	}
}

// ask sends a request and waits for its response.
func (c *dap) ask(command string, arguments, body any) error {
	if err := c.send(command, arguments); err != nil {
		return err
	}
	return c.until(command, body)
}

type object = map[string]any

// runDAP attaches, stops at a breakpoint and looks at the stack, as an editor does.
func (d *debugger) runDAP(ctx context.Context, p words) error {
	ctx, cancel := context.WithTimeout(ctx, gdbWaits)
	defer cancel()
	command := d.adapter()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { in.Close(); cancel(); _ = cmd.Wait() }() // it may have been killed
	c := &dap{in: in, out: bufio.NewReader(out)}
	attach := object{"target": p.Replace("PORT"), "program": p.Replace("VMLINUX")}
	if d.lldb {
		attach = object{"program": p.Replace("VMLINUX"), "attachCommands": []string{"gdb-remote " + p.Replace("PORT")}, "stopOnEntry": true}
	}
	if err := c.ask("initialize", object{"adapterID": "ktrap", "linesStartAt1": true, "pathFormat": "path"}, nil); err != nil {
		return err
	}
	if err := c.send("attach", attach); err != nil {
		return err
	}
	if err := c.until("initialized", nil); err != nil {
		return err
	}
	if err := c.ask("setFunctionBreakpoints", object{"breakpoints": []object{{"name": "scheduler_tick"}}}, nil); err != nil {
		return err
	}
	if err := c.ask("configurationDone", nil, nil); err != nil {
		return err
	}
	var threads struct{ Threads []struct{ ID int } }
	if err := c.until("stopped", nil); err != nil { // of the attach
		return err
	}
	if err := c.ask("threads", nil, &threads); err != nil || len(threads.Threads) == 0 {
		return fmt.Errorf("threads %+v: %w", threads, err)
	}
	if err := c.send("continue", object{"threadId": threads.Threads[0].ID}); err != nil {
		return err
	}
	var stop struct {
		Reason   string
		ThreadID int
	}
	for !strings.Contains(stop.Reason, "breakpoint") { // lldb-vscode may say twice that it has attached
		if err := c.until("stopped", &stop); err != nil {
			return err
		}
	}
	var stack struct{ StackFrames []struct{ Name string } }
	if err := c.ask("stackTrace", object{"threadId": stop.ThreadID}, &stack); err != nil {
		return err
	}
	if len(stack.StackFrames) < 3 || stack.StackFrames[0].Name != "scheduler_tick" {
		return fmt.Errorf("the stack is %+v", stack)
	}
	return c.ask("disconnect", object{"terminateDebuggee": false}, nil)
}
