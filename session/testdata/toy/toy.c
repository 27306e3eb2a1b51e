/*
 * A kernel that never runs: what a debugger reads of one, laid out by the
 * compiler. Two CPUs; CPU 0 runs "sh" in toy_write, called by the system call; CPU 1
 * is idle; "kthreadd" sleeps, "zombie" has no stack any more. the script build makes it.
 */
typedef unsigned long ulong;
typedef unsigned int uint;

struct list_head { struct list_head *next, *prev; };
struct thread_struct { ulong sp; };
struct signal_struct { int nr_threads; struct list_head thread_head; };
struct mm_struct { void *pgd; };

struct task_struct {
	uint __state;
	void *stack;
	uint flags;
	int on_cpu;
	uint cpu;
	int exit_state;
	struct list_head tasks;
	struct mm_struct *mm;
	int pid, tgid;
	struct list_head thread_node;
	struct signal_struct *signal;
	char comm[16];
	struct thread_struct thread;
};

struct inactive_task_frame { ulong r15, r14, r13, r12, bx, bp, ret_addr; };

#define THREAD_SIZE 4096
union thread_union {
	ulong stack[THREAD_SIZE / 8];
};

#define TOP(s, n) (&(s).stack[THREAD_SIZE / 8 - (n)])
#define PERCPU __attribute__((section(".data..percpu"), used))
#define USED __attribute__((used))
#define HEAD(h) { &(h), &(h) }

USED const char linux_banner[] = "Linux version 6.1.0-toy (ktrap@toy) (gcc) #1 SMP\n";

struct task_struct init_task, kthreadd, sh, zombie, idle1;
extern struct signal_struct init_signals, kthreadd_signals, sh_signals, zombie_signals;
extern char in_switch[], in_schedule[], in_kthreadd[], in_fork[], in_write[], in_syscall[];

USED struct inactive_task_frame *a_frame;
union thread_union init_stack = { { 1 } };
union thread_union idle1_stack = { { 1 } };

/* kthreadd sleeps: switched away in __schedule. */
union thread_union kthreadd_stack = { .stack = {
	[THREAD_SIZE / 8 - 16] = 15, 14, 13, 12, 0xb, 0xbb, (ulong)in_switch,
	(ulong)in_schedule, (ulong)in_kthreadd, (ulong)in_fork,
} };

/* sh is in toy_write. */
union thread_union sh_stack = { .stack = {
	[THREAD_SIZE / 8 - 16] = (ulong)in_write, (ulong)in_syscall,
} };

#define TASK(name, number, on, c, next_, prev_, text, sig, st, saved) \
	struct task_struct name = { \
		.__state = (on) ? 0 : 1, .stack = &st, .on_cpu = on, .cpu = c, .pid = number, .tgid = number, \
		.flags = 0x200000, .tasks = { &next_.tasks, &prev_.tasks }, .thread_node = HEAD(sig.thread_head), \
		.signal = &sig, .comm = text, .thread = { (ulong)(saved) }, \
	}

TASK(init_task, 0, 0, 0, kthreadd, zombie, "swapper/0", init_signals, init_stack, TOP(init_stack, 16));
TASK(kthreadd, 2, 0, 1, sh, init_task, "kthreadd", kthreadd_signals, kthreadd_stack, TOP(kthreadd_stack, 16));
TASK(sh, 42, 1, 0, zombie, kthreadd, "sh", sh_signals, sh_stack, 0);
TASK(zombie, 43, 0, 0, init_task, sh, "zombie", zombie_signals, init_stack, 0);
TASK(idle1, 0, 1, 1, idle1, idle1, "swapper/1", init_signals, idle1_stack, 0);

struct signal_struct init_signals = { 1, HEAD(init_task.thread_node) };
struct signal_struct kthreadd_signals = { 1, HEAD(kthreadd.thread_node) };
struct signal_struct zombie_signals = { 1, HEAD(zombie.thread_node) };
struct signal_struct sh_signals = { 1, HEAD(sh.thread_node) };

PERCPU struct task_struct *current_task;
PERCPU struct task_struct *idle_threads;
PERCPU int cpu_number;
USED ulong percpu_area[2][64] __attribute__((aligned(64)));
USED ulong __per_cpu_offset[2] = { (ulong)percpu_area[0], (ulong)percpu_area[1] };
USED ulong __cpu_online_mask = 3;
USED uint nr_cpu_ids = 2;
USED ulong jiffies = 4294937296UL;

/* Modules: one with its file, hello.ko, and one without. */
struct kernfs_attr { const char *name; };
struct bin_attribute { struct kernfs_attr attr; };
struct module_sect_attr { struct bin_attribute battr; ulong address; };
struct module_sect_attrs { uint nsections; struct module_sect_attr attrs[2]; };
struct module_layout { void *base; uint size, text_size; };
struct module {
	int state;
	struct list_head list;
	char name[56];
	struct module_sect_attrs *sect_attrs;
	struct module_layout core_layout, init_layout;
	ulong percpu;
};
extern struct list_head modules;
struct module hello, nofile;
USED char hello_text[64] __attribute__((aligned(64), section(".text.modules")));
USED char nofile_text[64] __attribute__((aligned(64), section(".text.modules")));
struct module_sect_attrs hello_sections = { 2, { { { { ".text" } }, (ulong)hello_text }, { { { ".bss" } }, (ulong)percpu_area } } };
struct module_sect_attrs nofile_sections = { 1, { { { { ".text" } }, (ulong)nofile_text } } };
struct module hello = { 0, { &nofile.list, &modules }, "hello", &hello_sections, { hello_text, 64, 64 } };
struct module nofile = { 0, { &modules, &hello.list }, "nofile", &nofile_sections, { nofile_text, 64, 64 } };
USED struct list_head modules = { &hello.list, &nofile.list };

USED void asm_exc_divide_error(void) {}
USED void asm_exc_page_fault(void) {}

/* What is called is naked, so that the stacks above are what they would be. */
#define NAKED __attribute__((naked, used, noinline))

NAKED void __schedule(void) { asm("nop; .globl in_switch; in_switch: nop; ret"); }
NAKED void schedule(void) { asm("call __schedule; .globl in_schedule; in_schedule: ret"); }
NAKED void kthreadd_main(void) { asm("call schedule; .globl in_kthreadd; in_kthreadd: ret"); }
NAKED void ret_from_fork(void) { asm("call kthreadd_main; .globl in_fork; in_fork: hlt"); }

struct victim { int id; const char *name; };
USED struct victim the_victim = { 7, "toy" };

__attribute__((noinline, used)) int toy_write(struct victim *v, ulong n)
{
	int sum = v->id;

	sum += n;
	return sum;
}

NAKED void vfs_write(void) { asm("call toy_write; .globl in_write; in_write: ret"); }
NAKED void do_syscall_64(void) { asm("call vfs_write; .globl in_syscall; in_syscall: hlt"); }
NAKED void default_idle(void) { asm("hlt"); }
NAKED void do_init_module(struct module *mod) { asm("nop; ret"); }
NAKED void free_module(struct module *mod) { asm("nop; ret"); }
/* A fault in toy_write, as the entry code has saved it. Order: arch/x86/include/asm/ptrace.h. */
struct pt_regs {
	ulong r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
USED struct pt_regs toy_regs = {
	.di = (ulong)&the_victim, .si = 5, .orig_ax = -1UL, .ip = (ulong)toy_write,
	.cs = 0x10, .flags = 0x10246, .sp = (ulong)TOP(sh_stack, 16), .ss = 0x18,
};
NAKED void page_fault_oops(struct pt_regs *regs, ulong error_code, ulong address) { asm("nop; nop; ret"); }
NAKED void oops_end(ulong flags, struct pt_regs *regs, int signr) { asm("nop; nop; ret"); }
NAKED void __crash_kexec(struct pt_regs *regs) { asm("nop; ret"); }
NAKED void panic(const char *fmt, ...) { asm("nop; nop; hlt"); }
