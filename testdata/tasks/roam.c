/*
 * roam: tasks that are hard to follow. roam-a and roam-b sleep in the same
 * function, and are sent to another CPU all the time; roam-c starts roam-d again and
 * again, which ends at once; roam-e is the first process of a PID namespace of
 * its own; roam-z has ended, and nobody has asked how. It says "roam: A B" with the pids of the first two when all are there, and
 * ends with SIGTERM, its children with it.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void nap(long ms)
{
	struct timespec t = { 0, ms * 1000000 };

	nanosleep(&t, NULL);
}

static void roams(void)
{
	for (;;)
		nap(30);
}

/* moves sends a task, which probably sleeps, to a CPU. */
static void moves(pid_t task, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(task, sizeof set, &set);
}

static void breeds(void)
{
	for (;;) {
		pid_t child = fork();

		if (child == 0) {
			prctl(PR_SET_NAME, "roam-d");
			_exit(0);
		}
		waitpid(child, NULL, 0);
		nap(40);
	}
}

static void sleeps(void)
{
	for (;;)
		nap(900);
}

static void ends(void)
{
	_exit(0);
}

static pid_t start(const char *name, unsigned long flags, void (*run)(void))
{
	pid_t child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		run();
	}
	if (child < 0) {
		perror("roam: clone");
		exit(1);
	}
	return child;
}

int main(void)
{
	pid_t z = start("roam-z", 0, ends), a = start("roam-a", 0, roams), b = start("roam-b", 0, roams);

	start("roam-c", 0, breeds);
	start("roam-e", CLONE_NEWPID, sleeps);
	waitid(P_PID, z, NULL, WEXITED | WNOWAIT);
	printf("roam: %d %d\n", a, b);
	fflush(stdout);
	for (int cpu = 0;; cpu = !cpu) {
		nap(7);
		moves(a, cpu);
		moves(b, !cpu);
	}
}
