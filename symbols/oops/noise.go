package oops

import "bytes"

// noise is what the test system says when it breaks down itself.
var noise = []string{
	"fatal error: runtime: out of memory",
	"fatal error: runtime: cannot allocate memory",
	"fatal error: out of memory",
	"fatal error: unexpected signal during runtime execution",
	"signal SIGBUS: bus error",
	"SYZFAIL: SIGBUS",
	"panic: failed to start executor binary",
	"panic: failed to create temp dir",
	"panic: executor failed: pthread_create failed",
	"INIT: PANIC: segmentation violation!",
	"*** stack smashing detected ***: terminated",
}

// testers are the processes a test machine is of no use without.
var testers = []string{"syz-fuzzer", "sshd"}

// hasKilledTester says whether the kernel killed one of them for its memory.
// Sample: Out of memory: Killed process 8317 (syz-fuzzer) total-vm:1062192kB
// Sample: Memory cgroup out of memory: Kill process 8317 (sshd) score 1 or sacrifice child
// Sample: lowmemorykiller: Killing 'syz-fuzzer' (8317), adj 0
func hasKilledTester(text []byte) bool {
	for _, verb := range []string{"Kill process ", "Killed process ", "lowmemorykiller: Killing "} {
		for rest := text; ; {
			at := bytes.Index(rest, []byte(verb))
			if at < 0 {
				break
			}
			rest = rest[at+len(verb):]
			line, _, _ := bytes.Cut(rest[:min(len(rest), 80)], []byte{'\n'})
			for _, name := range testers {
				if bytes.Contains(line, []byte("("+name+")")) || bytes.Contains(line, []byte("'"+name+"'")) {
					return true
				}
			}
		}
	}
	return false
}
