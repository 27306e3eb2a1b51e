#include "task.h"

static int woken;
extern struct task init_task;

int wake(struct task *t, int n)
{
	struct task *p = t;

	while (p != &init_task && n-- > 0)
		p = p->parent;
	woken += clamp(p->prio, 0, 99);
	return woken + (p->handler ? p->handler(p) : 0);
}
