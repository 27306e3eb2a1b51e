#include "task.h"

struct task init_task = { .comm = "swapper", .parent = &init_task, .handler = 0 };
static volatile int runs;

static __attribute__((noinline, cold)) int panic_path(int n)
{
	runs = n;
	return n * 3;
}

static inline __attribute__((always_inline)) int settle(struct task *t, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++) {
		int each = wake(t, i);
		sum += clamp(each, 1, 7);
	}
	return sum;
}

int start_kernel(int n)
{
	int local = settle(&init_task, n);

	if (__builtin_expect(local > 1000, 0))
		return panic_path(local);
	runs += clamp(local, 0, 4096);
	return settle(init_task.parent, local);
}
