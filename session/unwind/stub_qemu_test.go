//go:build qemu

package unwind

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// guest is a kernel under QEMU and its stub: just enough of the protocol to
// break into it, without the packages that build on this one.
type guest struct {
	t       *testing.T
	conn    net.Conn
	r       *bufio.Reader
	console string // path of the serial log
}

// gdbRegs are the registers of a g reply that the walk needs, in its order.
var gdbRegs = [...]cfi.Reg{
	cfi.RAX, cfi.RBX, cfi.RCX, cfi.RDX, cfi.RSI, cfi.RDI, cfi.RBP, cfi.RSP,
	cfi.R8, cfi.R9, cfi.R10, cfi.R11, cfi.R12, cfi.R13, cfi.R14, cfi.R15, cfi.RIP,
}

// cmdline is what every kernel here is told.
const cmdline = "console=ttyS0 nokaslr panic=0"

// boot starts a kernel, stopped before its first instruction. Without more
// arguments, which win over those here, it has no root file system, so that it
// panics by itself.
func boot(t *testing.T, kernel string, more ...string) *guest {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "gdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g := &guest{t: t, console: filepath.Join(dir, "console")}
	args := append([]string{"-accel", "tcg", "-kernel", kernel,
		"-append", cmdline, "-m", "768", "-smp", "1", "-display", "none",
		"-monitor", "none", "-nic", "none", "-serial", "file:" + g.console, "-S",
		"-gdb", "unix:" + l.Addr().String()}, more...)
	cmd := exec.CommandContext(t.Context(), "qemu-system-x86_64", args...)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if g.conn, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	g.r = bufio.NewReader(g.conn)
	g.ask("qXfer:features:read:target.xml:0,ffb") // QEMU writes registers only after this
	return g
}

// ask sends a packet and gives the reply.
func (g *guest) ask(format string, args ...any) string {
	g.t.Helper()
	body := fmt.Sprintf(format, args...)
	sum := byte(0)
	for _, b := range []byte(body) {
		sum += b
	}
	if _, err := fmt.Fprintf(g.conn, "$%s#%02x", body, sum); err != nil {
		g.t.Fatal(err)
	}
	if _, err := g.r.ReadString('$'); err != nil {
		g.t.Fatal(err)
	}
	reply, err := g.r.ReadString('#')
	if err != nil {
		g.t.Fatal(err)
	}
	g.r.Discard(2)
	g.conn.Write([]byte("+"))
	return expand(strings.TrimSuffix(reply, "#"))
}

// expand undoes run-length encoding.
func expand(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '*' && i > 0 && i+1 < len(s) {
			i++
			b.WriteString(strings.Repeat(s[i-2:i-1], int(s[i])-29))
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// runTo continues until the pc is reached.
func (g *guest) runTo(a addr.Addr) {
	g.t.Helper()
	if r := g.regs(); r.PC() == uint64(a) {
		g.ask("s") // or the breakpoint would be hit at once
	}
	if r := g.ask("Z1,%x,1", uint64(a)); r != "OK" {
		g.t.Fatalf("set breakpoint at %v: %q", a, r)
	}
	if r := g.ask("c"); !strings.HasPrefix(r, "T05") {
		g.t.Fatalf("run to %v: stopped with %q", a, r)
	}
	g.ask("z1,%x,1", uint64(a))
	if r := g.regs(); r.PC() != uint64(a) {
		g.t.Fatalf("run to %v: stopped at %#x", a, r.PC())
	}
}

func (g *guest) regs() (r cfi.Regs) {
	g.t.Helper()
	raw, err := hex.DecodeString(g.ask("g"))
	if err != nil || len(raw) < 8*len(gdbRegs) {
		g.t.Fatalf("read registers: %d bytes, %v", len(raw), err)
	}
	for i, n := range gdbRegs {
		r.Set(n, binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return r
}

// set writes a register, by its number in the g reply.
func (g *guest) set(n int, v uint64) {
	g.t.Helper()
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	if r := g.ask("P%x=%x", n, b); r != "OK" {
		g.t.Fatalf("write register %d: %q", n, r)
	}
}

// ReadMemory reads at virtual addresses of the current CPU.
func (g *guest) ReadMemory(p []byte, a addr.Addr) error {
	for len(p) > 0 {
		n := min(len(p), 1024)
		raw, err := hex.DecodeString(g.ask("m%x,%x", uint64(a), n))
		if err != nil || len(raw) != n {
			return fmt.Errorf("read %d bytes at %v", n, a)
		}
		copy(p, raw)
		p, a = p[n:], a+addr.Addr(n)
	}
	return nil
}

// output is what the kernel has printed.
func (g *guest) output() string {
	g.t.Helper()
	b, err := os.ReadFile(g.console)
	if err != nil {
		g.t.Fatal(err)
	}
	return string(b)
}
