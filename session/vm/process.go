package vm

import (
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a child that dies with ktrap, also when ktrap is killed.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; valid once done is closed
}

// startProcess starts cmd with a parent-death signal. That signal fires when
// the thread that forked ends, not the process, and Go ends threads as it
// likes. So one goroutine, locked to its thread, both forks and waits: the
// thread lives exactly as long as it must.
// Source: prctl(2) PR_SET_PDEATHSIG; golang.org/issue/27505.
func startProcess(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL,
		Setpgid:   true, // a Ctrl-C at the terminal is for ktrap, not for QEMU
	}
	cmd.WaitDelay = 5 * time.Second
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// kill ends the process and everything it started, and waits.
func (p *process) kill() {
	select {
	case <-p.done: // its ID may belong to somebody else by now
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
	<-p.done
}
