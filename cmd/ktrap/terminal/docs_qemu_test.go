//go:build qemu

package terminal

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The session of docs/terminal.md: with -update it is typed again.
func TestSessionOfTheDocs(t *testing.T) {
	if !*update {
		t.Skip("run with -update to type the session of docs/terminal.md again")
	}
	var b strings.Builder
	_ = onLive(t, "6.1", func(l *live) {
		l.busy()
		l.run("interrupt")
		for _, command := range []string{
			"tbreak vfs_write if count == 3", "continue", "bt", "info args",
			"print file->f_path.dentry->d_iname", "print current->comm", "next", "step", "finish",
			"watch jiffies_64", "continue", "delete", "info tasks init", "dmesg 2",
		} {
			fmt.Fprintf(&b, "(ktrap) %s\n%s", command, l.run(command))
		}
		l.background("echo null > /proc/crashme")
		fmt.Fprintf(&b, "(ktrap) continue\n%s", l.run("continue"))
		fmt.Fprintf(&b, "(ktrap) quit\n")
		fmt.Fprintln(l.in, "quit")
	})
	if t.Failed() {
		return
	}
	if err := os.WriteFile(sessionFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
