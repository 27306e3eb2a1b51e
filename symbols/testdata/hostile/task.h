/* A small kernel for the tests to damage: two units of C and one of assembly. */
typedef unsigned int u32;
enum state { RUNNING, SLEEPING, STUCK = 8 };
struct list_head { struct list_head *next, *prev; };
struct task {
	u32 on_cpu : 1, prio : 7;
	enum state state;
	union { long slot; void *raw; };
	char comm[16];
	struct list_head tasks;
	struct task *parent;
	int (*handler)(struct task *);
};
int wake(struct task *t, int n);

static inline __attribute__((always_inline)) int clamp(int n, int lo, int hi)
{
	if (n < lo)
		return lo;
	return n > hi ? hi : n;
}
