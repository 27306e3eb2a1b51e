package oops

import "strings"

// titleTypes gives the dashboard's crash type by the start of a title; the
// first that fits counts.
var titleTypes = []struct{ prefix, kind string }{
	{"KMSAN: kernel-", "KMSAN-INFO-LEAK"},
	{"KMSAN: use-after-free", "KMSAN-USE-AFTER-FREE-READ"},
	{"KMSAN: ", "KMSAN-UNINIT-VALUE"},
	{"KCSAN: data-race", "KCSAN-DATARACE"},
	{"KCSAN: assert", "KCSAN-ASSERT"},
	{"KCSAN: ", "KCSAN-UNKNOWN"},
	{"UBSAN: array-index-out-of-bounds", "MEMORY_SAFETY_UBSAN"},
	{"UBSAN: ", "UBSAN"},
	{"memory leak", "LEAK"},
	{"BUG: unable to handle kernel paging request", "MEMORY_SAFETY_BUG"},
	{"BUG: unable to handle kernel NULL pointer dereference", "NULL-POINTER-DEREFERENCE"},
	{"BUG: corrupted list", "MEMORY_SAFETY_BUG"},
	{"BUG: scheduling while atomic", "ATOMIC_SLEEP"},
	{"BUG: sleeping function called from invalid context", "ATOMIC_SLEEP"},
	{"BUG: soft lockup", "HANG"},
	{"BUG: workqueue lockup", "HANG"},
	{"INFO: rcu detected stall", "HANG"},
	{"INFO: task hung", "HANG"},
	{"INFO: task can't die", "HANG"},
	{"hard lockup", "HANG"},
	{"possible deadlock", "LOCKDEP"},
	{"inconsistent lock state", "LOCKDEP"},
	{"BUG: still has locks held", "LOCKDEP"},
	{"BUG: bad unlock balance", "LOCKDEP"},
	{"BUG: held lock freed", "LOCKDEP"},
	{"BUG: spinlock", "LOCKDEP"},
	{"BUG: rwlock", "LOCKDEP"},
	{"BUG: Invalid wait context", "LOCKDEP"},
	{"BUG: using ", "LOCKDEP"},
	{"WARNING: bad unlock balance", "LOCKDEP"},
	{"WARNING: held lock freed", "LOCKDEP"},
	{"WARNING: lock held when returning", "LOCKDEP"},
	{"WARNING: nested lock was not taken", "LOCKDEP"},
	{"WARNING: still has locks held", "LOCKDEP"},
	{"WARNING: locking bug", "LOCKDEP"},
	{"WARNING: refcount bug", "REFCOUNT_WARNING"},
	{"WARNING: kernel stack regs has bad", ""},
	{"WARNING", "WARNING"},
	{"kernel BUG", "BUG"},
	{"general protection fault", "DoS"},
	{"stack segment", "DoS"},
	{"divide error", "DoS"},
	{"invalid opcode", "DoS"},
	{"int3", "DoS"},
	{"kernel panic", "DoS"},
	{"kernel stack overflow", "DoS"},
	{"PANIC: double fault", "DoS"},
	{"Internal error", "DoS"},
	{"Unhandled fault", "DoS"},
	{"Alignment trap", "DoS"},
	{"trusty: ", "DoS"},
	{"VFS: ", "DoS"},
	{"unregister_netdevice", "DoS"},
	{"go runtime error", "DoS"},
	{"unexpected kernel reboot", "REBOOT"},
	{"SYZFAIL", "SYZ_FAILURE"},
	{"SYZFATAL", "SYZ_FAILURE"},
}

// typeOf gives the dashboard's crash type for a title, empty if it has none.
func typeOf(title string) string {
	if t, ok := accessType(title); ok {
		return t
	}
	for _, t := range titleTypes {
		if strings.HasPrefix(title, t.prefix) {
			return t.kind
		}
	}
	return ""
}

// accessType composes the types of KASAN and KFENCE, which tell kind and direction.
func accessType(title string) (string, bool) {
	tool, rest, ok := strings.Cut(title, ": ")
	if !ok || tool != "KASAN" && tool != "KFENCE" {
		return "", false
	}
	low := strings.ToLower(rest)
	direction := "READ"
	if strings.Contains(low, " write") {
		direction = "WRITE"
	}
	switch {
	case strings.HasPrefix(low, "invalid-free"), strings.HasPrefix(low, "double-free"), strings.HasPrefix(low, "invalid free"):
		return tool + "-INVALID-FREE", true
	case strings.HasPrefix(low, "memory corruption"):
		return tool + "-MEMORY-CORRUPTION", true
	case strings.Contains(low, "use-after-free"):
		return tool + "-USE-AFTER-FREE-" + direction, true
	case strings.HasPrefix(low, "null-ptr-deref"):
		return tool + "-NULL-POINTER-DEREFERENCE-" + direction, true
	}
	return tool + "-" + direction, true
}
