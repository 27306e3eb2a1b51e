package main

import (
	"strings"
	"testing"

	"ktrap/symbols"
	"ktrap/symbols/symtest"
)

// withBTF gives a real kernel as distributions build it.
func withBTF(t *testing.T) string {
	t.Helper()
	for _, path := range symtest.Vmlinuxes(t) {
		im, err := symbols.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		has := im.File().Has(".BTF")
		im.Close()
		if has {
			return path
		}
	}
	t.Skip("SKIPPED, nothing was compared: no kernel with BTF")
	return ""
}

func TestTypesOfARealKernel(t *testing.T) {
	vmlinux := withBTF(t)
	tests := []struct{ name, want string }{
		{"list_head", "struct list_head *prev;                  /*     8         8 */"},
		{"list_head.prev", "struct list_head *prev;\t/* offset 8 (0x8), size 8, in struct list_head */"},
		{"u64", "typedef __u64 u64;\t/* size 8 */"},
		{"char *", "char *;\t/* size 8 */"},
		{"pid_type", "PIDTYPE_PID = 0,"},
		{"init_task", "struct task_struct init_task;\t/* at 0xffffffff"},
		{"init_task.comm", "char comm[16];\t/* at 0xffffffff"},
		{"sk_buff.pkt_type", "__u8 pkt_type:3;\t/* offset"},
		{"nosuch", "nosuch: ?? ("},
		{"list_head.nosuch", "list_head.nosuch: ?? ("},
	}
	for _, tt := range tests {
		status, got := output(t, "", "type", vmlinux, tt.name)
		if status != exitDone || !strings.Contains(got, tt.want) {
			t.Errorf("%s: status %d\n%.400s\nwant %s", tt.name, status, got, tt.want)
		}
	}
	_, got := output(t, "", "type", vmlinux, "list_head", "--format=json", "nosuch")
	if lines := strings.Split(strings.TrimSpace(got), "\n"); len(lines) != 2 || !strings.Contains(lines[0], `"layouts":[{"kind":"struct","name":"list_head","size":16`) || !strings.Contains(lines[1], `"reason"`) {
		t.Errorf("%s", got)
	}
}

func TestMistakesOnTheCommandLineOfType(t *testing.T) {
	vmlinux := tinyKernel(t)
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"task_struct"}, {vmlinux}, {}} {
		if status, got := output(t, "", append([]string{"type"}, args...)...); status != exitUsage || got != "" && len(args) > 0 {
			t.Errorf("%v: status %d, %s", args, status, got)
		}
	}
	if status, got := output(t, "", "type", vmlinux, "task_struct"); status != exitDone || !strings.Contains(got, "task_struct: ??") {
		t.Errorf("status %d, %s", status, got)
	}
}
