package scripts

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/scripts.md")

const docsFile = "../docs/scripts.md"

const docsHead = `# Scripts

` + "`ktrap script FILE.star [ARGS]`" + ` runs a Starlark file over a session: it breaks somewhere, looks at the guest
in a handler, prints, lets the guest go on or stops it. Starlark is a small Python.

    ktrap script --lab 6.1 opens.star 30 'cat /etc/passwd'    a VM is started
    ktrap script --stub localhost:1234 --vmlinux vmlinux my.star
    ktrap script --list                                        what ships with ktrap

With ` + "`--lab`, `--kernel`, `--image` or `--ssh`" + ` the guest's user space is up when the script begins, and its vmlinux has come if
it had to be fetched (` + "`DEBUGINFOD_URLS`" + `, see lookup.md). The guest stands until ` + "`run()`" + ` or ` + "`guest()`" + ` let it go; handlers run while it stands. At the end the script's breakpoints are
taken out. The exit status is 0, 1 if the script failed, 3 if a crash was caught.

    def write(hit):
        print(hit.comm, eval("file->f_path.dentry->d_iname"), eval("count"))
        return STOP if hit.pid == 1 else None

    break_at("vfs_write", write)
    start("echo hello > /tmp/x")
    print(run(10))

## Functions

`

const docsTail = `
` + "`argv`" + ` is the list of ARGS. ` + "`STOP`" + ` and ` + "`CONTINUE`" + ` are what handlers may return.

## What handlers get

A ` + "`hit`" + ` has ` + "`where`" + ` (as given to break_at), ` + "`pc`, `cpu`, `pid`, `comm`, `regs`" + ` (a dict by register) and ` + "`args`" + `, the six
argument registers: the arguments of the function where the breakpoint is at its first instruction, as one on a name is.
Parameters and variables have their names and types in ` + "`eval`" + `: ` + "`eval(\"file->f_flags\")`" + `.

A ` + "`crash`" + ` has ` + "`title`, `cls`, `cpu`, `pid`, `comm`, `path`" + ` (of the report directory), ` + "`log`" + ` and ` + "`frames`" + `, each with ` + "`func`, `offset`, `size`,\n`module`, `file`, `line`, `inlined`" + `.

## Limits

The top level and each call of a handler may take %d Starlark steps, seconds of work; what takes longer is cut off. A
handler that fails stops the guest and ends the script: the message begins with FILE:LINE:COLUMN. Memory of user space that is
not paged in cannot be read: ` + "`eval`" + ` gives a ` + "`char *`" + ` there as a number. Text printed has its control characters replaced.

## Scripts that ship with ktrap

`

func TestDocsAreUpToDate(t *testing.T) {
	var b strings.Builder
	b.WriteString(docsHead + Reference())
	fmt.Fprintf(&b, docsTail, DefaultMaxSteps)
	for _, s := range Shipped() {
		fmt.Fprintf(&b, "- `%s`: %s\n", s.Name, s.Help)
	}
	if *update {
		if err := os.WriteFile(docsFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(docsFile)
	if err != nil || string(have) != b.String() {
		t.Errorf("docs/scripts.md is not what the table says (%v); run:\n\tgo test ./scripts -run TestDocsAreUpToDate -update", err)
	}
}
