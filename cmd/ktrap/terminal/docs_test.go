package terminal

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/terminal.md; with -tags qemu the session in it, too")

const (
	docsFile    = "../../../docs/terminal.md"
	sessionFile = "testdata/session.txt" // typed and printed on a live guest
)

const docsHead = `# The terminal

` + "`ktrap attach` and `ktrap boot`" + ` open it: a command line on the stopped kernel, without gdb. A stock
gdb may join at the same time (` + "`--listen`" + `); what it does to the guest is shown here.

Whatever stops the guest is shown by itself: a breakpoint, a watchpoint with the old and the
new value, a crash with its decoded report. ` + "`attach`" + ` leaves the guest stopped, ` + "`boot`" + ` lets it run.

With ` + "`DEBUGINFOD_URLS`" + ` set, debug information that is not on this host is fetched, as by ` + "`ktrap lookup`" + ` (lookup.md).
For a vmlinux that is missing ` + "`attach`" + ` waits and shows how far it is; the guest runs meanwhile if it ran, and Ctrl-C
gives up. That of a guest that boots is not waited for: a line says it "is being fetched: traps follow when it has
come", and until then commands say that no kernel is known. Debug information of modules, and of a vmlinux that was
stripped, comes with nobody waiting: "debug information has come of" names it, and what is asked then has it.

Commands come from the keyboard, from ` + "`-e COMMAND`" + ` (repeatable), or from a pipe. With the latter two
results go to standard output, errors and news to standard error, and the first command that fails ends
ktrap with exit status 1; so does a vmlinux that is not the running kernel's. If all went well, 3 says
that a crash was caught and 0 that none was. A person who leaves gets 0, but 1 if vmlinux was refused.

    ktrap boot --lab 6.1 -e 'wait 5' -e 'info tasks'
    echo dmesg | ktrap attach vmlinux

## Commands

`

const docsExpr = `
## Expressions

C as in the kernel's source: ` + "`->` `.` `[i]` `*` `&`" + `, casts, arithmetic and comparisons, ` + "`sizeof`, `container_of`, `offsetof`" + `.
Names are looked for in this order: parameters and local variables of the selected frame, ` + "`current`" + `, the module or
kernel of the frame's code, the others. ` + "`$rax`" + ` is a register of the selected frame; one that its callees may have
overwritten is not known. ` + "`per_cpu(var, n)`" + ` is CPU n's copy; the name alone means that of the selected CPU.
What the compiler did not keep is ` + "`<optimized out>`" + `.

## Places

` + "`vfs_write`, `vfs_write+0x10`, `fs/open.c:120`, `120` (in the file of the selected frame), `*EXPR`" + `. A name means the
first instruction: arguments are still in their registers there. For a module that is not loaded yet, break at
` + "`do_init_module`" + ` first.

Before the kernel is mapped, on a machine started with ` + "`-S`" + ` or ` + "`ktrap boot --halt`" + `, a breakpoint is pending:
` + "`break start_kernel`" + ` stops there, wherever KASLR puts it, if vmlinux was named (under KVM, and if it was not, the kernel
is seen a fraction of a second later). After a reboot breakpoints move with the kernel.

## A session

On the lab's kernel, while a shell in the guest writes to a file again and again and then
writes to ` + "`/proc/crashme`" + `:

`

func TestDocsAreUpToDate(t *testing.T) {
	session, err := os.ReadFile(sessionFile)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(docsHead)
	for _, g := range groups() {
		fmt.Fprintf(&b, "### %s\n\n| command | does | example |\n|---|---|---|\n", g.title)
		for _, c := range g.list {
			fmt.Fprintf(&b, "| `%s` | %s | `%s` |\n", usage(c), strings.ReplaceAll(c.help, "|", `\|`), c.example)
		}
		b.WriteString("\n")
	}
	b.WriteString("`info` knows:\n\n| subject | shows |\n|---|---|\n")
	for _, s := range subjects() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", s.name, s.help)
	}
	fmt.Fprintf(&b, "\n%s\n%s", notes, docsExpr)
	for line := range strings.Lines(string(session)) {
		b.WriteString(strings.TrimRight("    "+line, " \n") + "\n")
	}
	if *update {
		if err := os.WriteFile(docsFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(docsFile)
	if err != nil || string(have) != b.String() {
		t.Errorf("docs/terminal.md is not what the command table says (%v); run:\n\tgo test ./cmd/ktrap/terminal -run TestDocsAreUpToDate -update", err)
	}
}
