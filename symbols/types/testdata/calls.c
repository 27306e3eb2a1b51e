/* Arguments and locals that compilers move about and lose on the way; each
   instruction is a place where a debugger may be asked for them. */
typedef unsigned char u8;
typedef unsigned int u32;
struct pair { long a, b; };
struct small { int x; short y; };
volatile long sink;
#define noinline __attribute__((noinline))
#define CLOBBER __asm__ volatile("nop" ::: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory")

static noinline long leaf(long x, int y, u8 z)
{
	long sum = x + y;
	int narrow = (int)x * 3;
	u8 byte = (u8)(z + 1);
	sink = sum;
	CLOBBER;
	sink = narrow;
	CLOBBER;
	return sink + byte;
}

static noinline long lost(long first, long second, struct small by_value)
{
	long sum = first - second + by_value.y;
	CLOBBER;
	sink = sum;
	CLOBBER;
	return 1;
}

static noinline long hop(long n)
{
	CLOBBER;
	return leaf(n + 1, 2, 3);
}

static noinline long spin(long n, long acc)
{
	CLOBBER;
	if (n == 0)
		return acc;
	return spin(n - 1, acc + n);
}

/* Nobody needs the reason: gcc takes the parameter away, callers still say it. */
static noinline long told(long from, long reason)
{
	long all = from * 7;
	CLOBBER;
	sink = all;
	CLOBBER;
	return all + 1;
}

static inline __attribute__((always_inline)) long twice(long v, const int by)
{
	struct pair half = { v / 2, v };
	long *alias = &half.a;
	CLOBBER;
	return *alias * by + half.b;
}

static long (*volatile indirect)(long, int, u8) = leaf;

noinline long middle(long n, struct pair *p, u32 u)
{
	struct pair q = *p;
	long t = leaf(n * 3, (int)u - 5, u >> 3);
	q.a += t;
	long r = lost(q.a, n, (struct small){ 4, 5 });
	r += hop(r);
	r += indirect(n, 4, 250);
	r += twice(q.b, 3);
	for (int i = 0; i < 2; i++) {
		long scaled = r << i;
		sink = scaled;
		CLOBBER;
	}
	return r + q.b;
}

noinline int outer(int argc, u32 big)
{
	struct pair local = { argc, big };
	long r = middle(argc + 40, &local, big);
	r += spin(3, r);
	r += told(r, argc + 5);
	r += told(argc, big);
	return (int)(r + local.a);
}

void done(void) { __asm__ volatile("mov $60, %eax; xor %edi, %edi; syscall"); }

void _start(void)
{
	__asm__ volatile("and $-16, %rsp");
	sink = outer(2, 0xfffffff0u);
	done();
}
