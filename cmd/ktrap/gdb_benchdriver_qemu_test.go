//go:build qemu

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// tap passes bytes between debuggers and the stub, one after the other, counts
// requests and notes when the guest stopped.
type tap struct {
	addr     string
	requests atomic.Int64
	stop     atomic.Int64 // nanoseconds since began
	began    time.Time
}

func newTap(b *testing.B, stub string) *tap {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	t := &tap{addr: l.Addr().String(), began: time.Now()}
	var wg sync.WaitGroup
	b.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", stub)
			if err != nil {
				conn.Close()
				continue
			}
			wg.Go(func() { t.pass(up, conn, func(p []byte) { t.requests.Add(int64(bytes.Count(p, []byte("$")))) }) })
			wg.Go(func() {
				t.pass(conn, up, func(p []byte) {
					if bytes.Contains(p, []byte("$T")) {
						t.stop.Store(int64(time.Since(t.began)))
					}
				})
			})
		}
	})
	return t
}

// pass copies until one of the two is closed, and closes both.
func (t *tap) pass(to, from net.Conn, look func(p []byte)) {
	defer to.Close()
	defer from.Close()
	p := make([]byte, 64<<10)
	for {
		n, err := from.Read(p)
		look(p[:n])
		if _, werr := to.Write(p[:n]); err != nil || werr != nil {
			return
		}
	}
}

func (t *tap) lastStop() time.Time { return t.began.Add(time.Duration(t.stop.Load())) }

// benchGDB is a gdb at its prompt, and the ktrap that it is behind, if it is.
type benchGDB struct {
	b     *testing.B
	cmd   *exec.Cmd
	in    io.Writer
	out   *bufio.Reader
	ktrap *exec.Cmd
}

func benchCommand(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	return cmd
}

func (m *gdbBench) alone() *benchGDB  { return m.gdb(m.tap.addr, nil) }
func (m *gdbBench) direct() *benchGDB { return m.gdb(m.guest.GDBAddr(), nil) }

func (m *gdbBench) behindTap() *benchGDB { return m.serve(m.tap.addr) }

// behindTapWithCPUs gives gdb as many threads as it has with QEMU's stub.
func (m *gdbBench) behindTapWithCPUs() *benchGDB {
	g := m.behindTap()
	g.do("monitor ktrap threads cpus")
	return g
}

func (m *gdbBench) behind(flag string) *benchGDB { return m.serve(m.guest.GDBAddr(), flag) }

// serve starts a ktrap and a gdb behind it.
func (m *gdbBench) serve(stub string, flags ...string) *benchGDB {
	k := benchCommand(m.ktrap, append([]string{"serve", "--stub", stub, "--listen", "localhost:0", "--report-dir", "", m.vmlinux}, flags...)...)
	k.Stderr = os.Stderr
	events, err := k.StdoutPipe()
	if err == nil {
		err = k.Start()
	}
	if err != nil {
		m.Fatal(err)
	}
	lines := bufio.NewScanner(events)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Event == "ready" && e.Address != "" {
			go io.Copy(io.Discard, events) // ends with ktrap
			return m.gdb(e.Address, k)
		}
	}
	m.Fatal("ktrap ended before it was ready")
	return nil
}

func (m *gdbBench) gdb(stub string, ktrap *exec.Cmd) *benchGDB {
	cmd := benchCommand("gdb", "-nx", "-q", "-ex", "set pagination off", "-ex", "set confirm off", m.vmlinux)
	in, err := cmd.StdinPipe()
	if err != nil {
		m.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		m.Fatalf("the tag qemu is set, so gdb must be there: %v", err)
	}
	g := &benchGDB{m.B, cmd, in, bufio.NewReader(out), ktrap}
	g.prompt()
	g.do("target remote " + stub)
	return g
}

// do types a line and waits for the prompt.
func (g *benchGDB) do(line string) {
	if _, err := io.WriteString(g.in, line+"\n"); err != nil {
		g.b.Fatalf("gdb: %v", err)
	}
	g.prompt()
}

func (g *benchGDB) prompt() {
	var said []byte
	for {
		c, err := g.out.ReadByte()
		if err != nil {
			g.b.Fatalf("gdb ended: %v\n%s", err, said)
		}
		if said = append(said, c); bytes.HasSuffix(said, []byte("(gdb) ")) {
			return
		}
	}
}

// leave lets the guest run without anybody.
func (g *benchGDB) leave() {
	g.do("detach")
	_, _ = io.WriteString(g.in, "quit\n") // it ends in any case
	_ = g.cmd.Wait()
	if g.ktrap == nil {
		return
	}
	if err := g.ktrap.Process.Signal(syscall.SIGTERM); err != nil {
		g.b.Fatal(err)
	}
	if err := g.ktrap.Wait(); err != nil {
		g.b.Fatalf("ktrap: %v", err)
	}
}
