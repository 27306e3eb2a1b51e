package oops

import "testing"

func TestNoiseIsWhatTheTestSystemDiesOf(t *testing.T) {
	for line, want := range map[string]bool{
		"Out of memory: Killed process 8317 (syz-fuzzer) total-vm:1062192kB":      true,
		"Memory cgroup out of memory: Kill process 5 (sshd) score 1 or sacrifice": true,
		"lowmemorykiller: Killing 'syz-fuzzer' (8317), adj 0":                     true,
		"Out of memory: Killed process 8317 (syz-executor.0) total-vm:1062192kB":  false,
		"Killed process 8317 (sh) total-vm:1kB\nsshd (syz-fuzzer) is still there": false,
		"fatal error: runtime: out of memory":                                     true,
		"panic: executor failed: pthread_create failed":                           true,
		"BUG: foo": false,
	} {
		if have := isNoise([]byte(line)); have != want {
			t.Errorf("%q: have %v, want %v", line, have, want)
		}
	}
}
