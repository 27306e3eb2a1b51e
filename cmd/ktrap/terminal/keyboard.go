package terminal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ctrlC is what the key sends.
const ctrlC = "\x03"

// keyboard is what a person types on. It hands the line editor the keys of one
// line, up to its end; those that follow wait for the next prompt.
//
// Ctrl-C is a key like the others: a signal could come between the end of a
// line and the start of its command, when nobody listens. The editor gets it at
// a prompt; from the end of the line on it interrupts the command.
//
// Its goroutine reads the terminal; close joins it.
type keyboard struct {
	tty     *os.File // the terminal once more: one that can be closed
	keys    *os.File // write end of the pipe that the editor reads
	editor  *os.File // its read end
	restore func()   // gives the terminal its own Ctrl-C back
	reader  sync.WaitGroup

	mu        sync.Mutex // the reader and the prompt meet here
	prompting bool       // the editor wants keys
	ahead     []byte     // typed while it does not
	pressed   bool       // Ctrl-C since the end of the line
	interrupt func()     // ends the command under way; nil: there is none
}

// maxAhead bounds what is kept for the next prompts, as a terminal does.
const maxAhead = 4096

// openKeyboard takes the terminal over.
func openKeyboard() (*keyboard, error) {
	tty, err := os.OpenFile("/proc/self/fd/0", os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open the terminal: %w", err)
	}
	restore, err := withoutSignal(os.Stdin)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set the terminal's mode: %w", err), tty.Close())
	}
	k := &keyboard{tty: tty, restore: restore}
	if k.editor, k.keys, err = os.Pipe(); err != nil {
		restore()
		return nil, errors.Join(err, tty.Close())
	}
	k.reader.Go(k.read)
	return k, nil
}

// withoutSignal has the terminal send no signal at Ctrl-C.
func withoutSignal(f *os.File) (restore func(), err error) {
	fd := int(f.Fd())
	mode, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	own := mode.Cc[unix.VINTR]
	mode.Cc[unix.VINTR] = 0 // _POSIX_VDISABLE
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, mode); err != nil {
		return nil, err
	}
	return func() {
		if mode, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil {
			mode.Cc[unix.VINTR] = own
			_ = unix.IoctlSetTermios(fd, unix.TCSETS, mode) // as it could be read, it can be set
		}
	}, nil
}

// read takes keys until the terminal is closed, and ends the prompt then.
func (k *keyboard) read() {
	defer k.keys.Close()
	buf := make([]byte, maxAhead)
	for {
		n, err := k.tty.Read(buf)
		k.typed(buf[:n])
		if err != nil {
			return
		}
	}
}

// typed takes keys in the order they were pressed.
func (k *keyboard) typed(keys []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.take(keys)
}

func (k *keyboard) take(keys []byte) {
	for _, c := range keys {
		switch {
		case k.prompting:
			_, _ = k.keys.Write([]byte{c}) // it fails when the editor is gone
			k.prompting = c != '\r' && c != '\n' && c != ctrlC[0]
		case c == ctrlC[0]:
			k.ahead, k.pressed = nil, true
			if k.interrupt != nil {
				k.interrupt()
			}
		case len(k.ahead) < maxAhead:
			k.ahead = append(k.ahead, c)
		}
	}
}

// prompt gives the editor the keys of one line, those typed ahead first.
func (k *keyboard) prompt() {
	k.mu.Lock()
	defer k.mu.Unlock()
	ahead := k.ahead
	k.ahead, k.pressed, k.prompting = nil, false, true
	k.take(ahead)
}

// command ends ctx at Ctrl-C, at once if it was pressed since the end of the line.
func (k *keyboard) command(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.interrupt = cancel
	if k.pressed {
		cancel()
	}
	return ctx, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.interrupt = nil
		cancel()
	}
}

// hangUp ends the prompt and all that follow.
func (k *keyboard) hangUp() { k.tty.Close() }

// close gives the terminal back.
func (k *keyboard) close() {
	k.hangUp()
	k.editor.Close()
	k.reader.Wait()
	k.restore()
}
