//go:build qemu

package session_test

import (
	"context"
	"strings"
	"testing"

	"ktrap/session"
	"ktrap/session/guest"
)

func TestAModuleThatGoesAndComesAgainIsFollowed(t *testing.T) {
	bareGDB(t, "6.1", func(ctx context.Context, s *session.Session, g *guest.Guest, gdb *gdb) {
		was := gdb.do(t, "output/x &crashme_write")
		gdb.want(t, "set breakpoint pending on")
		during(ctx, t, g, "rmmod crashme; sleep 1; insmod /lib/modules/crashme.ko; echo help > /proc/crashme; sleep 1", func() {
			gdb.want(t, "break free_module", "Breakpoint 1 at 0x")
			gdb.want(t, "continue", "hit Breakpoint 1, free_module")
			gdb.want(t, "delete")
			gdb.want(t, "break synchronize_rcu", "Breakpoint 2 at 0x")
			gdb.want(t, "continue", "hit Breakpoint 2", "synchronize_rcu")
			if list := gdb.do(t, "info sharedlibrary"); strings.Contains(list, "crashme.ko") {
				t.Errorf("the module that is being freed is still there:\n%s", list)
			}
			gdb.want(t, "delete")
			gdb.want(t, "break crashme_init", "Breakpoint 3 (crashme_init) pending")
			gdb.want(t, "break crashme_write", "Breakpoint 4 (crashme_write) pending")
			gdb.want(t, "continue", `"insmod" hit Breakpoint 3, crashme_init`, "crashme.c")
			gdb.want(t, "bt", "crashme_init", "do_one_initcall", "do_init_module")
			gdb.want(t, "continue", "hit Breakpoint 4, crashme_write", "crashme.c")
			gdb.want(t, "info symbol crashme_write", "crashme_write in section .text")
			t.Logf("crashme_write was at %s, is at %s", was, gdb.do(t, "output/x &crashme_write"))
			gdb.want(t, "bt", "crashme_write", "vfs_write")
			gdb.want(t, "detach", "detached")
		})
	})
}
