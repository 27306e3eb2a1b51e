package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// maxQMPLine bounds one message of QEMU; `info tlb` needs half a megabyte.
const maxQMPLine = 16 << 20

// Event is something QEMU says unasked.
type Event struct {
	Name string // RESET, SHUTDOWN, STOP, RESUME, GUEST_PANICKED, ...
	Data json.RawMessage
}

// QMPError is QEMU's refusal of a command.
type QMPError struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

// Error gives QEMU's own words.
func (e *QMPError) Error() string { return e.Desc }

// QMP is the connection to QEMU's monitor. Its methods may be called concurrently.
// Source: QEMU docs/interop/qmp-spec.
type QMP struct {
	conn io.ReadWriteCloser
	on   func(Event)

	mu      sync.Mutex // callers come from any goroutine, replies from the reader
	waiting map[uint64]chan qmpReply
	nextID  uint64
	err     error // why the stream ended
}

// qmpMessage is any message from QEMU.
type qmpMessage struct {
	ID       *uint64         `json:"id"`
	Greeting json.RawMessage `json:"QMP"`
	Return   json.RawMessage `json:"return"`
	Error    *QMPError       `json:"error"`
	Event    string          `json:"event"`
	Data     json.RawMessage `json:"data"`
}

type qmpReply struct {
	ret json.RawMessage
	err error
}

// newQMP speaks over conn. The caller runs [QMP.read] in a goroutine.
func newQMP(conn io.ReadWriteCloser, on func(Event)) *QMP {
	return &QMP{conn: conn, on: on, waiting: map[uint64]chan qmpReply{}}
}

// read delivers replies and events until the stream ends.
func (q *QMP) read() {
	s := bufio.NewScanner(q.conn)
	s.Buffer(make([]byte, 4096), maxQMPLine)
	for s.Scan() {
		var m qmpMessage
		if err := json.Unmarshal(s.Bytes(), &m); err != nil {
			q.end(fmt.Errorf("parse QMP message: %w", err))
			return
		}
		q.deliver(&m)
	}
	err := s.Err()
	if err == nil {
		err = io.EOF
	}
	q.end(fmt.Errorf("read QMP: %w", err))
}

func (q *QMP) deliver(m *qmpMessage) {
	if m.Event != "" {
		if q.on != nil {
			q.on(Event{Name: m.Event, Data: m.Data})
		}
		return
	}
	if m.ID == nil { // the greeting; an answer nobody can claim
		return
	}
	q.mu.Lock()
	ch := q.waiting[*m.ID]
	delete(q.waiting, *m.ID)
	q.mu.Unlock()
	if ch == nil { // its asker gave up
		return
	}
	r := qmpReply{ret: m.Return}
	if m.Error != nil {
		r.err = m.Error
	}
	ch <- r
}

// end fails every waiter, and every later call.
func (q *QMP) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
	for id, ch := range q.waiting {
		delete(q.waiting, id)
		ch <- qmpReply{err: q.err}
	}
}

// Do runs one command and decodes its return value into ret, which may be nil.
// Errors: *QMPError when QEMU refused.
func (q *QMP) Do(ctx context.Context, command string, args map[string]any, ret any) error {
	ch, id, err := q.send(command, args)
	if err != nil {
		return fmt.Errorf("send QMP %s: %w", command, err)
	}
	var r qmpReply
	select {
	case r = <-ch:
	case <-ctx.Done():
		q.mu.Lock()
		delete(q.waiting, id)
		q.mu.Unlock()
		return fmt.Errorf("wait for QMP %s: %w", command, ctx.Err())
	}
	if r.err != nil {
		return fmt.Errorf("run QMP %s: %w", command, r.err)
	}
	if ret == nil {
		return nil
	}
	if err := json.Unmarshal(r.ret, ret); err != nil {
		return fmt.Errorf("parse answer to QMP %s: %w", command, err)
	}
	return nil
}

func (q *QMP) send(command string, args map[string]any) (<-chan qmpReply, uint64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return nil, 0, q.err
	}
	q.nextID++
	id := q.nextID
	m := map[string]any{"execute": command, "id": id}
	if args != nil {
		m["arguments"] = args
	}
	line, err := json.Marshal(m)
	if err != nil {
		return nil, 0, err
	}
	ch := make(chan qmpReply, 1) // the reader must not wait for an asker who left
	q.waiting[id] = ch
	if _, err := q.conn.Write(append(line, '\n')); err != nil {
		delete(q.waiting, id)
		return nil, 0, err
	}
	return ch, id, nil
}

// Status is the run state: "running", "paused", "prelaunch", "debug", ...
func (q *QMP) Status(ctx context.Context) (string, error) {
	var s struct {
		Status string `json:"status"`
	}
	err := q.Do(ctx, "query-status", nil, &s)
	return s.Status, err
}

// Stop pauses the CPUs.
func (q *QMP) Stop(ctx context.Context) error { return q.Do(ctx, "stop", nil, nil) }

// Cont lets the CPUs run.
func (q *QMP) Cont(ctx context.Context) error { return q.Do(ctx, "cont", nil, nil) }

// Quit ends QEMU.
func (q *QMP) Quit(ctx context.Context) error {
	err := q.Do(ctx, "quit", nil, nil)
	if errors.Is(err, io.EOF) { // it may be gone before it has answered
		return nil
	}
	return err
}

// Monitor runs a command of the human monitor and returns what it printed.
func (q *QMP) Monitor(ctx context.Context, line string) (string, error) {
	var out string
	err := q.Do(ctx, "human-monitor-command", map[string]any{"command-line": line}, &out)
	return out, err
}
