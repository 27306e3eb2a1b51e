package oops

import "strings"

// skipList is a set of function names a crash is never named after.
// An entry matches anywhere in the name, '^' and '$' bind it to an end of it.
type skipList struct {
	base  []string // shared by all
	extra []string // of one kind of crash
}

func (l *skipList) has(name string) bool {
	for _, p := range l.base {
		if matchName(p, name) {
			return true
		}
	}
	for _, p := range l.extra {
		if matchName(p, name) {
			return true
		}
	}
	return false
}

func matchName(p, name string) bool {
	p, front := strings.CutPrefix(p, "^")
	p, back := strings.CutSuffix(p, "$")
	switch {
	case front && back:
		return name == p
	case front:
		return strings.HasPrefix(name, p)
	case back:
		return strings.HasSuffix(name, p)
	}
	return strings.Contains(name, p)
}

// blameless are the functions that stand on top of a stack because they
// report, check, copy, lock, allocate or print on behalf of their caller.
var blameless = []string{
	// Reporting machinery.
	"rust_begin_unwind", "^rust_helper_", "^core::",
	"__sanitizer", "__asan", "kasan", "kcsan", "kmsan", "__msan", "__tsan", "kfence", "ubsan", "check_memory_region",
	"check_heap_object", "check_object", "^check_slab", "read_word_at_a_time", "print_address_description", "panic", "invalid_op",
	"report_bug", "fixup_bug", "print_report", "print_usage_bug", "do_error", "_trap$", "^do_trap$", "do_trap_break", "do_trap_insn", "do_trap_load", "do_trap_store", "do_trap_no", "do_trap_error", "do_trap_unknown", "show_stack", "dump_stack",
	"dump_backtrace", "unwind_backtrace", "error_code", "warn_slowpath", "warn_alloc", "warn_bogus", "raw_local_irq", "arch_local_irq", "__warn", "handle_bug",
	"program_check", "kgdb", "nmi_cpu_backtrace", "unwind_stack", "_nocheck", "ex_handler", "fixup_exception", "exc_invalid",
	"__stack_chk_fail", "__fortify", "fortify_", "usercopy_", "print_bad_pte", "slab_bug", "object_err", "bug_at", "brk_handler",
	"call_break_hook", "do_debug_exception", "debug_exception", "el1_dbg", "el1h_64", "el1_sync", "el1_abort", "el1_brk", "do_el1_brk", "early_brk", "bug_handler", "do_mem_abort", "do_kern_addr_fault", "do_tag_check", "print_tag",

	// Debug objects, lock checking, sleeping checks.
	"debug_object", "debug_check", "debug_print", "debug_deactivate", "debug_activate", "timer_is_static_object", "work_is_static_object", "__might_", "might_fault", "might_sleep",
	"might_resched", "lockdep", "perf_trace", "lock_acquire", "lock_release", "lock_class", "mark_lock", "mark_held", "reacquire_held",
	"validate_chain", "check_noncircular", "check_prev", "check_wait_context", "raw_spin_rq", "spin_lock", "spin_trylock", "spin_unlock", "raw_read_lock", "raw_write_lock",
	"read_lock", "write_lock", "read_unlock", "write_unlock", "do_raw_", "spin_dump", "spin_bug", "rwlock_bug", "trace_hardirqs", "trace_softirqs", "hardirqs_",
	"^down_read", "^down_write", "^__down_", "^percpu_down_", "down_trylock", "^up_read", "^up_write", "^__up_", "^percpu_up_", "^down$", "^up$", "mutex_lock", "mutex_trylock", "mutex_unlock",
	"mutex_remove_waiter", "osq_lock", "osq_unlock", "mutex_spin_on", "mutex_optimistic", "owner_on_cpu", "rt_mutex", "ww_mutex", "rcu_read_", "rcu_lock", "rwsem_", "percpu_rwsem", "preempt_count", "check_preemption_disabled",

	// Strings and memory.
	"memcpy", "memcmp", "memset", "memchr", "memmove", "memscan", "^strcmp$", "strncmp", "strcasecmp", "strcpy", "strlcpy", "strncpy", "strscpy",
	"strlen", "strnlen", "strstr", "strnstr", "strchr", "strim", "strlcat", "copy_to_user", "copy_from_user", "copy_user", "_copy_to", "_copy_from", "put_user", "get_user", "clear_user",
	"^string$", "^string_nocheck$", "^pointer$", "format_decode", "snprintf", "scnprintf", "^sprintf$", "kasprintf", "kvasprintf", "vprintk", "printk", "seq_printf",
	"^dev_info", "^dev_notice", "^dev_warn", "^dev_err", "_dev_info", "_dev_err", "_dev_warn", "find_first_bit", "_find_next", "find_next_bit", "crc32", "crc16", "^crc", "crc_itu", "logic_in", "logic_out", "readb$", "readw$", "readl$", "readq$", "writeb$", "writew$", "writel$", "writeq$",

	// Lists, reference counts, bit operations.
	"list_add", "list_del", "list_replace", "list_move", "list_splice", "list_empty", "hlist_", "refcount", "kref_", "percpu_ref_get", "percpu_ref_put", "^atomic_", "^atomic64_", "^arch_atomic", "^raw_atomic", "_atomic_dec", "_atomic_inc",
	"ref_tracker", "^dput$", "^fast_dput$", "^iput$", "rb_insert", "rb_erase", "rb_next", "rb_prev", "rb_first", "test_bit", "set_bit", "clear_bit", "test_and_", "arch_test", "arch_static", "instrument_", "__read_once", "read_once", "write_once",

	// Memory allocation.
	"^kfree$", "^kfree_sensitive$", "^kzfree$", "^kvfree", "kmalloc", "^vmalloc", "__vmalloc", "zalloc", "calloc", "realloc", "kmem_cache", "slab_", "^__slab", "^___slab", "alloc_page", "alloc_frozen_pages", "get_free_page", "alloc_slab", "allocate_slab", "new_slab", "get_page_from_freelist", "post_alloc_hook", "prep_new_page", "check_new_page", "rmqueue",
	"page_owner", "free_unref", "free_pcp", "free_page", "free_frozen_pages", "free_one_page", "__free_slab", "free_tail_page", "page_pool_", "bad_page", "alloc_skb", "^vfree$", "^kmemdup", "^kstrdup", "kmemleak", "stack_depot", "folio_unlock", "^unlock_page", "^lock_page", "print_tainted", "compound_head", "^skb_push", "^skb_pull", "^__skb_pull", "^skb_put", "ida_free", "ida_simple_remove", "folio_alloc", "alloc_folio",

	// Page cache, for whoever asked for the page.
	"__filemap_get_folio", "find_or_create_page", "do_read_cache_folio", "read_cache_page", "pagecache_get_page", "grab_cache_page_write_begin",

	// Waiting, timers, work.
	"^schedule$", "del_timer", "timer_delete", "timer_shutdown", "try_to_del_timer", "^flush_work$", "^__flush_work", "cancel_work", "cancel_delayed", "__cancel_work", "try_to_grab_pending", "wait_for_completion",
	"^complete$", "kthread_stop", "io_schedule", "init_timer", "init_work", "__init_work", "start_flush_work", "__mod_timer", "mod_timer", "add_timer",

	// Device model.
	"kobject_", "add_uevent_var", "get_device_parent", "^get_device$", "put_device", "device_add", "device_del", "device_unregister", "device_destroy", "device_release", "device_initial_probe",
	"devres_", "release_nodes", "hwrng_unregister", "i2c_del_adapter", "__unregister_client", "device_for_each_child", "rollback_registered", "unregister_netdev", "sysfs_remove", "device_remove", "tty_unregister_device",
	"dummy_urb", "usb_kill", "usb_control_msg", "usb_hcd", "usb_submit_urb", "usb_start_wait_urb", "cdev_device",

	// Exception entry and indirect calls.
	"_indirect_thunk", "^asm_exc_", "^asm_sysvec_", "apic_timer_interrupt", "^exc_", "^sysvec_", "^error_entry", "^async_page_fault", "^page_fault$", "^general_protection", "^do_general_protection", "^retint_", "do_translation_fault", "do_alignment_fault", "do_bad_area", "die_kernel", "__do_kernel_fault",
	"irqentry_enter", "ret_from_intr", "stack_segment", "double_fault", "df_debug",
}
