package terminal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-delve/liner"

	"ktrap/session"
)

const prompt = "(ktrap) "

// interact talks with a person until they leave.
func (t *Terminal) interact(ctx context.Context, listen string) error {
	keys, err := openKeyboard()
	if err != nil {
		return err
	}
	defer keys.close()
	t.keys = keys
	line := openLine(keys.editor)
	defer line.Close()
	line.SetWordCompleter(func(text string, cursor int) (string, []string, string) {
		return t.complete(ctx, text, cursor)
	})
	history := historyFile()
	t.loadHistory(line, history)
	defer saveHistory(line, history)
	if listen != "" {
		t.tell("%s\n", t.colors.dim("gdb may join: gdb -ex 'target remote "+listen+"'"))
	}
	if t.s.Running() {
		t.printf("%s\n", t.colors.dim("the guest runs; Ctrl-C stops it"))
		_ = t.do(ctx, "wait") // the message was printed, the person is here
	} else {
		t.greet(ctx)
	}
	for !t.quit && ctx.Err() == nil {
		text, err := t.read(ctx, line)
		switch {
		case errors.Is(err, liner.ErrPromptAborted), errors.Is(err, liner.ErrInternal): // Ctrl-C; Alt-Enter
			continue
		case err != nil:
			t.printf("\n")
			return t.whyEnded(ctx)
		}
		if text = strings.TrimSpace(text); text == "" {
			text = t.last
		} else {
			line.AppendHistory(text)
		}
		t.last = repeatable(text)
		_ = t.do(ctx, text)
	}
	return nil
}

// whyEnded tells the end of input from the end of the session.
func (t *Terminal) whyEnded(ctx context.Context) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	return t.s.UntilLost(ended)
}

// openLine opens the line editor on the keys it is given.
func openLine(keys *os.File) *liner.State {
	stdin := os.Stdin
	os.Stdin = keys // liner reads what this is while it is made
	line := liner.NewLiner()
	os.Stdin = stdin
	line.SetCtrlCAborts(true)
	line.SetTabCompletionStyle(liner.TabPrints)
	return line
}

// read prompts for a line. Beside the prompt one goroutine shows what happens
// in the meantime; it is joined before read returns.
func (t *Terminal) read(ctx context.Context, line *liner.State) (string, error) {
	t.drain()
	defer context.AfterFunc(ctx, t.keys.hangUp)()
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { t.beside(ctx) })
	defer beside.Wait()
	defer cancel()
	t.keys.prompt()
	return line.Prompt(prompt)
}

// glance is how often a person at the prompt is told of what others do with the
// guest. A gdb that steps is not worth a line per step.
const glance = 300 * time.Millisecond

// beside shows events above the prompt until ctx ends. It ends the prompt when
// the stub is gone.
func (t *Terminal) beside(ctx context.Context) {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	shown, seen := t.s.Running(), t.s.Running()
	for {
		select {
		case e := <-t.events:
			t.above(func() {
				t.showEvent(e)
				if e.Kind == session.TrapHit && e.Shown {
					t.tell("%s %s; `report` shows it\n", t.colors.bad("crash:"), e.Crash.Report.Title)
				}
			})
			if e.Kind == session.StubGone {
				t.keys.hangUp()
				return
			}
		case <-tick.C:
			now := t.s.Running()
			if now == seen && now != shown {
				shown = now
				t.above(func() { t.showOthers(ctx, now) })
			}
			seen = now
		case <-ctx.Done():
			return
		}
	}
}

// above prints over the line that is being typed and has the editor draw it
// again below: a change of the window's size is its reason to do so.
func (t *Terminal) above(show func()) {
	t.printf("\r%s", ink("\x1b[K"))
	show()
	_ = syscall.Kill(os.Getpid(), syscall.SIGWINCH) // our own process: it cannot fail
}

// showOthers tells what another client did.
func (t *Terminal) showOthers(ctx context.Context, running bool) {
	if running {
		t.printf("%s\n", t.colors.dim("another client has resumed the guest"))
		return
	}
	where := ""
	if stop, err := t.s.Wait(ctx); err == nil {
		if where = t.dbg.Symbol(stop.PC); where == "" {
			where = stop.PC.String()
		}
	}
	t.printf("%s\n", t.colors.dim("the guest stands again: "+where))
}

// historyFile is where lines are kept, "" if there is no place.
func historyFile() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "ktrap", "history")
}

func (t *Terminal) loadHistory(line *liner.State, path string) {
	f, err := os.Open(path)
	if err != nil {
		return // the first time
	}
	defer f.Close()
	if _, err := line.ReadHistory(f); err != nil {
		t.fail(fmt.Errorf("read history: %w", err))
	}
}

func saveHistory(line *liner.State, path string) {
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return // history is a comfort
	}
	defer f.Close()
	_, _ = line.WriteHistory(f)
}
