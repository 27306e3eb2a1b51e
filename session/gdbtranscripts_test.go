package session

import (
	"bytes"
	"context"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

var update = flag.Bool("update", false, "record testdata/gdb anew with the gdb of this host")

// conversation is what a person does with gdb on the toy.
type conversation struct {
	name  string // of its transcript
	setUp func(k *toy)
	gdb   []string // commands, between those that connect and detach
	says  []string // what gdb says, in this order; looked at when recording
}

// conversations are one for each thing that ktrap gives gdb over the protocol.
var conversations = []conversation{
	{
		name: "a gdb without a file is given vmlinux, its place, modules and tasks",
		gdb:  []string{"p init_task.comm", "p &init_task", "info sharedlibrary", "info threads", "bt", "thread 5", "p $rax"},
		says: []string{"Reading symbols from", "toykernel", "toy_write", `"swapper/0`, "0xffffffff85", "hello.ko", "nofile", `"swapper/1" (R, on CPU 1)`,
			`"kthreadd" (S, CPU 1, __schedule)`, "__schedule ()", `"sh" (R, on CPU 0)`, `"zombie" (S, CPU 0)`, "0x0000000000000000 in ?? ()",
			"#0  toy_write", "#1", "vfs_write", "#2", "do_syscall_64", "Thread 43", "<unavailable>"},
	},
	{
		name: "per-CPU variables are those of the selected thread",
		gdb: []string{"p current_task->comm", "p cpu_number", "thread find swapper/1", "thread 2", "p current_task->comm", "p cpu_number",
			"p *(int *)((char *)&cpu_number + __per_cpu_offset[0])", "p __per_cpu_offset[1] == (unsigned long)percpu_area[1]"},
		says: []string{`"sh"`, "= 0", `"swapper/1\000`, "= 1", "= 0", "= 1"},
	},
	{
		name:  "a module that comes is announced and its pending breakpoint is set",
		setUp: helloComes,
		gdb:   []string{"set breakpoint pending on", "info sharedlibrary", "break hello_open", "continue", "bt 1", "info sharedlibrary"},
		says:  []string{"nofile", "(hello_open) pending", "hit Breakpoint 1, hello_open", "#0  hello_open", "hello.ko"},
	},
	{
		name:  "a breakpoint for a task, a step, and a task that cannot be stepped",
		setUp: walksThroughToyWrite,
		gdb:   []string{"break *toy_write thread 4", "thread 5", "continue", "stepi", "thread 3", "bt", "print $rax", "stepi", "thread apply all bt 1"},
		says:  []string{`Thread 4 "sh"`, "hit Breakpoint 1, toy_write", "kthreadd_main", "<unavailable>", "this task does not run and cannot be stepped", "__schedule"},
	},
	{
		name:  "at a fault gdb stands where it happened",
		setUp: faults,
		gdb:   []string{"continue", "bt", "info locals", "info threads", "thread find sh", "info breakpoints", "stepi"},
		says: []string{"received signal SIGSEGV", "toy_write", "#0  toy_write", "vfs_write", `"crash of sh [42]"`, "No breakpoints",
			"this is where the crash happened"},
	},
	{
		name:  "a panic is SIGABRT and a breakpoint that the user has there is a breakpoint",
		setUp: panics,
		gdb:   []string{"continue", "bt 1", "break *panic", "continue", "delete"},
		says:  []string{"received signal SIGABRT", "__crash_kexec", "hit Breakpoint 1, panic"},
	},
	{
		name: "monitor commands and what would end QEMU",
		gdb: []string{"monitor ktrap help", "monitor ktrap ps", "monitor ktrap bt", "monitor ktrap bt 2", `eval "monitor ktrap bt %p", $sp`,
			`eval "monitor ktrap who %p", &sh.pid`, "monitor ktrap who (nil)", "monitor ktrap locate toy_write", "monitor ktrap on warn=log",
			"monitor ktrap traps", "monitor ktrap report", "monitor ktrap threads cpus", "monitor ktrap nonsense", "monitor info version",
			"maintenance packet bs", "maintenance packet bc", "maintenance packet Qqemu.PhyMemMode:1", "maintenance packet vRun;"},
		says: []string{"monitor ktrap who ADDR", "kthreadd", "thread 42: sh, on CPU 0", "toy_write", "thread 2: kthreadd, sleeps", "schedule",
			"thread 42: sh", "task_struct of sh [42]+0x", "no memory at 0x0", "toy.c:", "policy: warn=log", "panic", "does not stand at a crash",
			"threads are cpus", "there is no command", "7.2.0", "replay mode", "replay mode", "for all its clients", "one running guest"},
	},
	{
		name: "memory is read in large pieces and written where it is mapped",
		gdb: []string{"show remote memory-read-packet-size", "p sizeof(sh_stack)", "output/x sh_stack", "set var jiffies = 7", "p jiffies",
			"set var the_victim.id = 8", "p the_victim", "p *(int *)0x10", "maintenance packet m0,4", "p/x $rsi", "set var $rsi = 9", "p $rsi"},
		says: []string{"packet-size", "= 4096", "= 7", `{id = 8, name = 0xffffffff85`, "Cannot access memory at address 0x10", `received: "E14"`, "= 0x5", "= 9"},
	},
}

// helloComes is a guest that loads hello.ko as soon as it runs.
func helloComes(k *toy) {
	k.put(k.syms["modules"], k.syms["nofile"]+k.listOff())
	n := 0
	k.Run = func(*rsptest.Machine, string) string {
		switch n++; n {
		case 1:
			rsptest.PutReg(k.CPUs[0].Regs, "rdi", k.syms["hello"])
			k.put(k.syms["modules"], k.syms["hello"]+k.listOff())
			return k.goTo("do_init_module", 0)
		case 2: // past the breakpoint there
			return k.goTo("do_init_module", 1)
		}
		return k.goTo("hello_text", 0)
	}
}

// listOff is where struct module has its list.
func (k *toy) listOff() uint64 { return 8 }

// walksThroughToyWrite is a guest that executes one instruction each time.
func walksThroughToyWrite(k *toy) {
	k.goTo("vfs_write", 0)
	k.Run = func(_ *rsptest.Machine, packet string) string {
		if strings.HasPrefix(packet, "vCont;s") {
			return k.goTo("toy_write", 2)
		}
		return k.goTo("toy_write", 0)
	}
}

// faults is a guest with a page fault in toy_write.
func faults(k *toy) {
	n := 0
	k.Run = func(_ *rsptest.Machine, packet string) string {
		switch n++; n {
		case 1:
			rsptest.PutReg(k.CPUs[0].Regs, "rdi", k.syms["toy_regs"])
			rsptest.PutReg(k.CPUs[0].Regs, "rsi", 0)
			rsptest.PutReg(k.CPUs[0].Regs, "rdx", 8)
			return k.goTo("page_fault_oops", 0)
		case 2:
			return k.goTo("page_fault_oops", 1)
		}
		rsptest.PutReg(k.CPUs[0].Regs, "rsi", k.syms["toy_regs"])
		return k.goTo("oops_end", 0)
	}
}

// panics is a guest that does, and once more when it is let go.
func panics(k *toy) {
	n := 0
	k.Run = func(_ *rsptest.Machine, packet string) string {
		n++
		switch {
		case strings.HasPrefix(packet, "vCont;s"):
			return k.goTo("panic", 1)
		case n == 3:
			rsptest.PutReg(k.CPUs[0].Regs, "rdi", 0)
			return k.goTo("__crash_kexec", 0)
		}
		rsptest.PutReg(k.CPUs[0].Regs, "rdi", k.syms["linux_banner"])
		return k.goTo("panic", 0)
	}
}

// transcript is the file of a conversation.
func (c *conversation) transcript() string {
	return filepath.Join("testdata/gdb", strings.ReplaceAll(strings.ReplaceAll(c.name, ",", ""), " ", "-")+".rsp")
}

// here stands in transcripts for the folder of the toy.
const here = "@TOY@"

func TestConversationsWithGDB(t *testing.T) {
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			k := newToy(t)
			if c.setUp != nil {
				c.setUp(k)
			}
			k.Monitor = func(string) string { return "7.2.0\r\n" }
			if *update {
				c.record(t, k)
				return
			}
			raw, err := os.ReadFile(c.transcript())
			if err != nil {
				t.Fatal(err)
			}
			entries := rsptest.Parse(t, strings.ReplaceAll(string(raw), here, k.dir))
			k.with(t, func(ctx context.Context, s *Session) {
				s.talkGDB(ctx, rsptest.ReplayGDB(t, entries).(net.Conn), 1)
			})
		})
	}
}

// record holds the conversation with a real gdb, and keeps it.
func (c *conversation) record(t *testing.T, k *toy) {
	t.Helper()
	var log bytes.Buffer
	log.WriteString(rsp.TranscriptHeader + "\n# recorded from gdb by TestConversationsWithGDB -update\n")
	k.with(t, func(ctx context.Context, s *Session) {
		l, err := net.Listen("tcp", "localhost:0")
		if err != nil {
			t.Fatal(err)
		}
		var talk sync.WaitGroup
		talk.Go(func() {
			if conn, err := l.Accept(); err == nil {
				s.talkGDB(ctx, &tap{Conn: conn, log: &log}, 1)
			}
		})
		args := []string{"-nx", "-q", "-batch", "-ex", "set pagination off", "-ex", "set confirm off", "-ex", "set width 0", "-ex", "target remote " + l.Addr().String()}
		for _, line := range c.gdb {
			args = append(args, "-ex", line)
		}
		out, err := exec.CommandContext(ctx, "gdb", append(args, "-ex", "detach")...).CombinedOutput()
		l.Close()
		talk.Wait()
		if err != nil {
			t.Errorf("gdb: %v", err)
		}
		rest := string(out)
		for _, w := range c.says {
			_, after, ok := strings.Cut(rest, w)
			if !ok {
				t.Fatalf("gdb does not say %q, or not in this place:\n%s", w, out)
			}
			rest = after
		}
	})
	if t.Failed() {
		return
	}
	text := strings.ReplaceAll(log.String(), k.dir, here)
	if err := os.WriteFile(c.transcript(), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tap writes down what goes over a connection, as the order of its two directions
// was.
type tap struct {
	net.Conn
	mu   sync.Mutex
	log  *bytes.Buffer
	rest [2][]byte // of messages that are not whole yet
}

func (p *tap) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.note(rsp.ToStub, b[:n])
	return n, err
}

func (p *tap) Write(b []byte) (int, error) {
	p.note(rsp.FromStub, b)
	return p.Conn.Write(b)
}

func (p *tap) note(d rsp.Direction, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := &p.rest[d-rsp.ToStub]
	*rest = append(*rest, b...)
	for len(*rest) > 0 {
		n := 1
		if (*rest)[0] == '$' {
			end := bytes.IndexByte(*rest, '#')
			if end < 0 || end+3 > len(*rest) {
				return
			}
			n = end + 3
		}
		m, err := rsp.NewReader(bytes.NewReader((*rest)[:n]), 0).Next()
		if err == nil && m.Kind != rsp.Ack {
			p.log.Write(append(rsp.Entry{Dir: d, Message: m}.Append(nil), '\n'))
		}
		*rest = (*rest)[n:]
	}
}
