/* Values of every shape, for comparing with what gdb prints. */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef _Bool bool;
enum state { RUNNING, SLEEPING, STUCK = 8 };
enum signed_one { MINUS = -1, PLUS = 1 };
struct list_head { struct list_head *next, *prev; };
union number { u32 whole; u8 part[4]; };
struct flags { u32 a : 3; int b : 5; u32 c : 9; bool d : 1; u64 e : 40; enum state s : 4; };
struct inner { short x; union { int i; float f; }; struct { char c, d; }; };
struct shape {
	char name[16], full[4], behind[8], empty[4];
	u8 mac[6];
	int pid; bool on; enum state state; enum signed_one sign;
	struct list_head list;
	union number n;
	struct flags flags;
	struct inner in[2];
	int matrix[2][3], zeros[20], mixed[30];
	long big; unsigned long ubig; double d; float f;
	const char *text, *none;
	int (*fn)(int);
	struct shape *next;
	void *any;
	u32 tail[];
};
int twice(int x) { return 2 * x; }
struct shape square = {
	.name = "square\t\"1\"", .full = "abcd", .behind = "a\0b", .mac = "\x52\x54\x00\x12\x34\x56",
	.pid = -5, .on = 1, .state = STUCK | SLEEPING, .sign = MINUS, .list = { &square.list, &square.list },
	.n = { 0x01020304 }, .flags = { 5, -3, 300, 1, 0x8000000001ull, SLEEPING },
	.in = { { -1, { 7 }, { 'x', 'y' } }, { 2, { 0 }, { 0, 255 } } },
	.matrix = { { 1, 2, 3 }, { 4, 5, 6 } }, .mixed = { 1, 1, 1, [15] = 9, 9, 9 },
	.big = -1234567890123, .ubig = ~0ul, .d = 1.5, .f = -0.25,
	.text = "a\nb\033c", .fn = twice, .next = &square, .any = &square.pid,
};
static int counter = 42;
volatile int sink;
static inline __attribute__((always_inline)) int inlined(int depth, struct shape *s)
{
	int local = depth + s->pid;
	sink = local;
	__asm__ volatile("stop: .globl stop\n nop" ::"r"(local), "r"(s), "r"(depth));
	return local * counter;
}
__attribute__((noinline)) int outer(struct shape *s, int n, u64 *where)
{
	char buf[8] = "stack";
	int spilled = n * 3;
	u64 split = *where;
	__asm__ volatile("" : "+m"(buf), "+m"(spilled));
	int r = inlined(n + 1, s);
	counter += r;
	return r + spilled + buf[0] + (int)split;
}
void _start(void)
{
	u64 w = 99;
	sink = outer(&square, 4, &w);
	for (;;)
		;
}
