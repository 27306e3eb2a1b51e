//go:build qemu

package terminal

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tty is a program on a terminal of its own.
type tty struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	reader sync.WaitGroup

	mu     sync.Mutex
	screen bytes.Buffer // all that was printed and not yet waited for
	more   chan struct{}
}

// onTTY starts ktrap on a pseudo terminal.
func onTTY(t *testing.T, args ...string) *tty {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "ktrap")
	if out, err := exec.Command("go", "build", "-o", binary, "ktrap/cmd/ktrap").CombinedOutput(); err != nil {
		t.Fatalf("build ktrap: %v\n%s", err, out)
	}
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 120})
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	y := &tty{t: t, master: master, cmd: exec.Command(binary, args...), more: make(chan struct{}, 1)}
	y.cmd.Stdin, y.cmd.Stdout, y.cmd.Stderr = slave, slave, slave
	y.cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1")
	y.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := y.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	y.reader.Go(y.read)
	t.Cleanup(func() {
		_ = y.cmd.Process.Kill() // it has ended, if all went well
		master.Close()
		y.reader.Wait()
	})
	return y
}

// read collects what is printed until the program has ended.
func (y *tty) read() {
	buf := make([]byte, 4096)
	for {
		n, err := y.master.Read(buf)
		y.mu.Lock()
		y.screen.Write(buf[:n])
		y.mu.Unlock()
		select {
		case y.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (y *tty) keys(s string) {
	if _, err := y.master.WriteString(s); err != nil {
		y.t.Fatalf("type %q: %v", s, err)
	}
}

// until waits until text is printed and returns what came up to its end.
func (y *tty) until(text string) string {
	y.t.Helper()
	late := time.After(liveWait)
	for {
		y.mu.Lock()
		if i := bytes.Index(y.screen.Bytes(), []byte(text)); i >= 0 {
			out := string(y.screen.Next(i + len(text)))
			y.mu.Unlock()
			return out
		}
		y.mu.Unlock()
		select {
		case <-y.more:
		case <-late:
			y.t.Fatalf("%q was never printed; the screen: %q", text, y.screen.String())
		}
	}
}

// status waits for the end and gives the exit status.
func (y *tty) status() int {
	_ = y.cmd.Wait() // the status says it
	return y.cmd.ProcessState.ExitCode()
}

func TestAPersonAtARealTerminal(t *testing.T) {
	gdbPort := filepath.Join(t.TempDir(), "gdb.sock")
	y := onTTY(t, "boot", "--lab", "6.1", "--report-dir", "", "--listen", "unix:"+gdbPort)
	y.until("the guest runs; Ctrl-C stops it")
	y.until("traps armed") // shown while it boots, not after
	y.keys(ctrlC)
	y.until("#0 ")
	y.until(prompt)
	y.keys("print 42420\r")
	y.until("\n42420")
	y.until(prompt)

	y.keys("abandoned" + ctrlC)
	y.until(prompt)
	y.keys("stepi\r")
	y.until("#0 ")
	y.until(prompt)
	y.keys("\r") // again
	y.until("#0 ")
	y.until(prompt)

	y.keys("tbreak vfs_writ\t") // completed: writev there is none
	y.until("vfs_write")
	y.keys(ctrlC)
	y.until(prompt)

	y.keys("print init_task.tgi\t") // a member
	y.until("init_task.tgid")
	y.keys("\r")
	y.until("\n0")
	y.until(prompt)

	y.keys("pri") // an event is shown above what is being typed
	y.until("pri")
	gdb, err := net.Dial("unix", gdbPort)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gdb.Write([]byte("$?#3f")); err != nil { // a client is who speaks
		t.Fatal(err)
	}
	y.until("gdb1 connected")
	y.until(prompt + "pri")
	gdb.Close()
	y.until("gdb1 left")
	y.until(prompt + "pri")
	y.keys("nt 4242\r")
	y.until("\n4242")
	y.until(prompt)

	y.keys("continue\r")
	y.until("\n")
	y.keys(ctrlC) // before the command has begun, or after
	y.until("#0 ")
	y.until(prompt)
	y.keys("continue\r" + ctrlC) // before the editor has seen the end of the line
	y.until("#0 ")
	y.until(prompt)
	y.keys("wrong\x1b\r") // Alt-Enter, which the editor cannot read
	y.until(prompt)
	y.keys("continue\rprint 777\r") // typed ahead
	y.until("\n")
	y.keys(ctrlC + "print 888\r") // and dropped
	y.until("#0 ")
	if screen := y.until("\n888"); strings.Contains(screen, "777") {
		y.t.Errorf("Ctrl-C left what was typed ahead: %q", screen)
	}
	y.until(prompt)
	y.keys("quit\r")
	if got := y.status(); got != 0 {
		t.Errorf("quit ended with status %d, want 0", got)
	}
}

func TestATerminalAtItsPromptEndsWhenToldTo(t *testing.T) {
	y := onTTY(t, "boot", "--lab", "6.1", "--report-dir", "", "--listen", "", "--halt")
	y.until(prompt)
	if err := y.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	y.status() // does not hang
}
