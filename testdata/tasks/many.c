/*
 * many N: makes N sleeping tasks in the guest, half of them processes, half
 * threads of processes of 26, and says "many: N" when all are there.
 * They wait in four ways, so that their stacks differ. It ends with SIGTERM, and
 * its children with it.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static int quiet[2]; /* a pipe that nobody writes to */
static int ready[2]; /* a byte from each process that has all its threads */
static pthread_mutex_t taken = PTHREAD_MUTEX_INITIALIZER;

static void wait_forever(int how)
{
	struct timespec day = { 86400, 0 };
	char c;

	switch (how % 4) {
	case 0:
		prctl(PR_SET_NAME, "waits-nanosleep");
		nanosleep(&day, NULL);
		break;
	case 1:
		prctl(PR_SET_NAME, "waits-pipe");
		read(quiet[0], &c, 1);
		break;
	case 2:
		prctl(PR_SET_NAME, "waits-futex");
		pthread_mutex_lock(&taken);
		pthread_mutex_lock(&taken);
		break;
	default:
		prctl(PR_SET_NAME, "waits-poll");
		poll(NULL, 0, -1);
	}
	_exit(1);
}

static void *thread(void *how)
{
	wait_forever((int)(long)how);
	return NULL;
}

static void process(int how, int threads)
{
	pthread_attr_t small;
	pthread_t t;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	while (threads-- > 0)
		if (pthread_create(&t, &small, thread, (void *)(long)(how + threads)))
			_exit(2);
	if (write(ready[1], "x", 1) != 1)
		_exit(3);
	wait_forever(how);
}

int main(int argc, char **argv)
{
	int want = argc > 1 ? atoi(argv[1]) : 1000, made = 0, processes = 0;
	char c;

	if (pipe(quiet) || pipe(ready))
		return 1;
	for (int i = 0; made < want; i++) {
		int threads = i % 26 == 25 ? 25 : 0; /* 25 alone, then one with 25 threads */
		if (threads > want - made - 1)
			threads = want - made - 1;
		switch (fork()) {
		case -1:
			perror("many: fork");
			return 1;
		case 0:
			process(i, threads);
		}
		made += 1 + threads;
		processes++;
	}
	while (processes-- > 0)
		if (read(ready[0], &c, 1) != 1)
			return 1;
	printf("many: %d\n", made);
	fflush(stdout);
	pause();
	return 0;
}
