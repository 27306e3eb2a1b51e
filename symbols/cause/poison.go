package cause

import "fmt"

// poisonDelta is POISON_POINTER_DELTA of 64-bit kernels, CONFIG_ILLEGAL_POINTER_VALUE.
const poisonDelta = 0xdead000000000000

// pointerPoison lists the poison of pointers, by what is added to poisonDelta.
// Source: linux include/linux/poison.h v6.12; LIST_POISON2 was 0x200 up to 4.14.
var pointerPoison = map[uint64]string{
	0x040:  "PP_SIGNATURE, the mark of a page of a page pool",
	0x0f5:  "VFS_PTR_POISON",
	0x100:  "LIST_POISON1, as list_del() leaves it",
	0x122:  "LIST_POISON2, as list_del() leaves it",
	0x200:  "LIST_POISON2 of old kernels, as list_del() leaves it",
	0x300:  "TIMER_ENTRY_STATIC, as a timer that is not pending has it",
	0x400:  "TAIL_MAPPING, the mapping of a compound page's tail",
	0x500:  "MUTEX_POISON_WW_CTX",
	0x800:  "SKB_LIST_POISON_NEXT, as a packet on no list has it",
	0x801:  "NET_PTR_POISON",
	0xd390: "STACK_DEPOT_POISON",
	0xeb9f: "BPF_PTR_POISON",
}

// bytePoison lists the bytes that memory is filled with.
// Source: linux include/linux/poison.h, mm/slub.c, security/Kconfig.hardening
// (the pattern of CONFIG_INIT_STACK_ALL_PATTERN is clang's).
var bytePoison = map[byte]string{
	0x11: "poison of a mutex as initialized",
	0x22: "poison of a destroyed mutex",
	0x5a: "slab poison of uninitialized memory",
	0x5b: "poison of a freed JBD buffer",
	0x5c: "poison of a freed JBD2 buffer",
	0x6b: "slab poison of freed memory",
	0xa5: "the last byte of slab poison",
	0xa7: "poison of freed DMA pool memory",
	0xa9: "poison of allocated DMA pool memory",
	0xaa: "poison of a free page, or of an uninitialized local variable",
	0xbb: "slab red zone of freed memory",
	0xbd: "poison of a destroyed key",
	0xcc: "slab red zone, or freed init memory",
}

// stackPoison is STACKLEAK_POISON, linux include/linux/stackleak.h.
const stackPoison = ^uint64(0xbeef) + 1

// poison says which poison a pointer is, exactly.
func poison(v uint64) string {
	if name := pointerPoison[v-poisonDelta]; name != "" {
		return name
	}
	if v == stackPoison {
		return "STACKLEAK_POISON: a stale value of the stack"
	}
	if v == uint64(byte(v))*0x0101010101010101 {
		return bytePoison[byte(v)]
	}
	return ""
}

// spinlockMagic is what CONFIG_DEBUG_SPINLOCK puts into a lock.
// Source: linux include/linux/spinlock_types_raw.h.
const spinlockMagic = 0xdead4ead

// reach is how far from a bad pointer an address may be to be called its member.
const reach = 4096

// poisonNear finds the poison that an address lies next to. What is near several
// is none of them for certain.
func poisonNear(v uint64) string {
	if d := v - poisonDelta; d < 1<<16 {
		return fmt.Sprintf("poison: POISON_POINTER_DELTA + %#x", d)
	}
	if v>>32 == spinlockMagic {
		return "SPINLOCK_MAGIC in it: the inside of a lock was taken for a pointer"
	}
	top := byte(v >> 56)
	pattern := uint64(top) * 0x0101010101010101
	if d := v - pattern + reach; d <= 2*reach && bytePoison[top] != "" {
		return bytePoison[top]
	}
	return ""
}

// halfPoison finds poison that a 32-bit value was read from.
func halfPoison(v uint64) string {
	if v>>32 == 0 && v == uint64(byte(v))*0x01010101 {
		return bytePoison[byte(v)]
	}
	return ""
}
