package oops

// Reports of the sanitizers.

var (
	kasanRoute = route{"BUG: KASAN: {kind} in {func}", atTrace, frames}
	kmsanRoute = route{frames}
)

var sanitizerForms = []form{
	{
		sample: "BUG: KASAN: double-free or invalid-free in relay_open+0x603/0x860",
		match:  "BUG: KASAN: double-free or invalid-free in {func}",
		title:  "KASAN: invalid-free in {frame}", alts: []string{"invalid-free in {frame}"}, class: KASAN,
		route: route{"BUG: KASAN: double-free or invalid-free in {func}", atTrace, frames}, skip: freeSkip,
	},
	{
		sample: "BUG: KASAN: double-free in crashme_write+0x157/0x240 [crashme]",
		match:  "BUG: KASAN: double-free in {func}",
		title:  "KASAN: double-free in {frame}", alts: []string{"invalid-free in {frame}"}, class: KASAN, route: kasanRoute, skip: freeSkip,
	},
	{
		sample: "BUG: KASAN: invalid-free in xt_free_table_info+0x12/0x34",
		match:  "BUG: KASAN: invalid-free in {func}",
		title:  "KASAN: invalid-free in {frame}", alts: []string{"invalid-free in {frame}"}, class: KASAN, route: kasanRoute, skip: freeSkip,
	},
	{
		sample: "BUG: KASAN: slab-out-of-bounds in c_oob+0x89/0xb0 [crashme]",
		match:  "BUG: KASAN: {kind} in {func}", then: "^{access} of size",
		title: "KASAN: {kind} {access} in {frame}", alts: badAccess, class: KASAN, route: kasanRoute,
	},
	{
		sample: "BUG: KASAN: invalid-access in bond_ipsec_del_sa+0x4/0x70",
		match:  "BUG: KASAN: {kind} in {func}", then: "^{access} at addr",
		title: "KASAN: {kind} {access} in {frame}", alts: badAccess, class: KASAN, route: kasanRoute,
	},
	{
		sample: "BUG: KASAN: slab-out-of-bounds in rds_cong_queue_updates+0x1/0x2",
		match:  "BUG: KASAN: {kind} in {func}",
		title:  "KASAN: {kind} in {frame}", class: KASAN, route: kasanRoute, broken: "no access line",
	},
	{
		sample: "BUG: KASAN: null-ptr-deref on address           (null)",
		match:  "BUG: KASAN: {kind} on address", then: "{access} of size",
		title: "KASAN: {kind} {access}", class: KASAN, broken: "no function in the head line",
	},
	{
		sample: "BUG: KASAN: user-memo",
		match:  "BUG: KASAN: {text}",
		title:  "KASAN: {text}", class: KASAN, broken: "head line is cut",
	},
	{
		sample: "BUG: KMSAN: kernel-infoleak in copyout+0x1/0x2",
		match:  "BUG: KMSAN: {kind} in {func}",
		title:  "KMSAN: {kind} in {frame}", alts: badAccess, class: KMSAN, task: true,
		route: kmsanRoute, skip: []string{"^instrument_copy", "^aes", "^crypto_", "^xts_", "^ecb_", "^cbc_", "^ctr_", "^gcm_", "^ghash", "^gf128", "^skcipher_", "^sha1", "^sha256", "^sha512", "^chacha", "^poly1305", "^blake2", "copyout", "copyin", "copy_page_to_iter", "_copy_to_iter", "copy_to_iter", "iterate_", "simple_copy_to_iter", "user_access", "copy_folio_to_iter", "copy_page_from"},
	},
	{
		sample: "BUG: KCSAN: assert: race in dequeue_entities+0x6df/0x760",
		match:  "BUG: KCSAN: assert: race in {func}",
		title:  "KCSAN: assert: race in {func}", class: KCSAN,
	},
	{
		sample: "BUG: KCSAN: data-race in __fput / __tty_hangup",
		match:  "BUG: KCSAN: {kind} in {func}* / {func}",
		title:  "KCSAN: {kind} in {func} / {func2}", class: KCSAN,
	},
	{
		sample: "BUG: KCSAN: data-race in __fput+0x1/0x2",
		match:  "BUG: KCSAN: {kind} in {func}",
		title:  "KCSAN: {kind} in {func}", class: KCSAN,
	},
	{
		sample: "BUG: KCSAN: ",
		match:  "BUG: KCSAN: {text}",
		title:  "KCSAN: {text}", class: KCSAN, broken: "head line is cut",
	},
	{
		sample: "BUG: KFENCE: memory corruption in kunit_try_run_case+0x51/0x90",
		match:  "BUG: KFENCE: memory corruption in {func}",
		title:  "KFENCE: memory corruption in {frame}", class: KFENCE,
		route: route{"BUG: KFENCE: memory corruption in {func}", frames},
	},
	{
		sample: "BUG: KFENCE: invalid free in test_double_free+0x12/0x34",
		match:  "BUG: KFENCE: invalid free in {func}",
		title:  "KFENCE: invalid free in {frame}", alts: []string{"invalid-free in {frame}"}, class: KFENCE,
		route: route{"BUG: KFENCE: invalid free in {func}", frames}, skip: freeSkip,
	},
	{
		sample: "BUG: KFENCE: use-after-free read in f+0x1/0x2",
		match:  "BUG: KFENCE: {text} in {func}",
		title:  "KFENCE: {text} in {frame}", alts: badAccess, class: KFENCE,
		route: route{"BUG: KFENCE: {text} in {func}", frames},
	},
	{
		sample: "BUG: KFENCE: invalid rea",
		match:  "BUG: KFENCE: {text}",
		title:  "KFENCE: {text}", class: KFENCE, broken: "head line is cut",
	},
}

// freeSkip leaves out the ways to free.
var freeSkip = []string{"slab_free", "kfree", "kvfree", "kmem_", "^free_", "vfree", "mempool", "poison_slab"}

var ubsanForms = []form{
	{
		sample: "UBSAN: Undefined behaviour in fs/f2fs/super.c:12:34",
		match:  "UBSAN: Undefined behaviour in",
		title:  "UBSAN: undefined-behaviour in {frame}", class: UBSAN, route: traceRoute,
	},
	{
		sample: "UBSAN: shift-out-of-bounds in drivers/net/x.c:617:11",
		match:  "UBSAN: {kind} in *:{num}",
		title:  "UBSAN: {kind} in {frame}", class: UBSAN, route: traceRoute,
	},
	{
		sample: "UBSAN: array index out of bounds at c_oob+0x12/0x34 [crashme]",
		match:  "UBSAN: {text} at {func}",
		title:  "UBSAN: {text} in {frame}", class: UBSAN, route: route{"UBSAN: {text} at {func}"},
	},
	{
		sample: "UBSAN: ",
		match:  "UBSAN: {text}",
		title:  "UBSAN: {text}", class: UBSAN, broken: "head line is cut",
	},
}

// A leak is named after who asked for the memory.
var (
	leakRoute = route{"backtrace", frames}
	leakSkip  = []string{"kmemleak", "mmap", "kmalloc", "vmalloc", "alloc", "kstrdup", "kmem", "slab", "kasan", "copy_", "__netdev_", "create_object", "list_lru", "sget_userns", "pcpu_", "percpu", "idr_", "kasprintf", "strdup", "strndup", "memdup", "_dup"}
)

var leakForms = []form{{
	sample: "unreferenced object 0xffff88812a6fe800 (size 1024):",
	match:  "unreferenced object",
	title:  "memory leak in {frame}", class: BUG,
	route: leakRoute, skip: leakSkip, joins: true,
}}

// slubSkip leaves out the checks of the allocator.
var slubSkip = []string{"^check_", "on_freelist", "alloc_debug", "free_debug", "free_to_partial", "slab", "object_err", "^init_object", "kmem", "get_partial"}

var slubForms = []form{
	{
		sample: "BUG kmalloc-96 (Not tainted): Poison overwritten",
		match:  "^BUG {word} (Not tainted): {text}",
		title:  "BUG: {text} in {frame}", class: SLUB, route: route{atTrace, frames}, skip: slubSkip,
	},
	{
		sample: "BUG kmalloc-96 (Tainted: G    B      OE     ): Poison overwritten",
		match:  "^BUG {word} (Tainted: *): {text}",
		title:  "BUG: {text} in {frame}", class: SLUB, route: route{atTrace, frames}, skip: slubSkip,
	},
	{
		sample: "BUG kmalloc-",
		match:  "^BUG kmalloc-",
		title:  "BUG: slab corruption", class: SLUB, broken: "head line is cut",
	},
}
