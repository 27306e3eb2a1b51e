/*
 * Executes instructions from stdin, one a line: its bytes and the values of rax
 * rcx rdx rbx rsp rbp rsi rdi r8..r15, all in hex. Prints signal, exception, error
 * code, cr2 and how far behind the beginning the CPU stopped.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
static sigjmp_buf back;
static volatile int sig; static volatile uint64_t cr2, err, trap, rip;
static void handler(int s, siginfo_t *si, void *u) {
	ucontext_t *c = u;
	sig = s; cr2 = c->uc_mcontext.gregs[REG_CR2]; err = c->uc_mcontext.gregs[REG_ERR];
	trap = c->uc_mcontext.gregs[REG_TRAPNO]; rip = c->uc_mcontext.gregs[REG_RIP];
	siglongjmp(back, 1);
}
uint64_t R[16] __attribute__((used));
void enter(void *code);
__asm__(".text\nenter:\n"
"mov %rdi, target(%rip)\n"
"mov R+0(%rip),%rax\nmov R+8(%rip),%rcx\nmov R+16(%rip),%rdx\nmov R+24(%rip),%rbx\n"
"mov R+40(%rip),%rbp\nmov R+48(%rip),%rsi\nmov R+56(%rip),%rdi\n"
"mov R+64(%rip),%r8\nmov R+72(%rip),%r9\nmov R+80(%rip),%r10\nmov R+88(%rip),%r11\n"
"mov R+96(%rip),%r12\nmov R+104(%rip),%r13\nmov R+112(%rip),%r14\nmov R+120(%rip),%r15\n"
"mov R+32(%rip),%rsp\njmp *target(%rip)\n"
".data\ntarget: .quad 0\n.text\n");
int main(void) {
	static char alt[65536];
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
	sigaltstack(&ss, 0);
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	int sigs[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
	for (int i = 0; i < 5; i++) sigaction(sigs[i], &sa, 0);
	unsigned char *p = mmap((void*)0x300000000, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	static char line[4096];
	while (fgets(line, sizeof line, stdin)) {
		char *s = line; int n = 0; unsigned char b[16];
		for (; *s && *s != ' ' && n < 15; s += 2) { unsigned v; sscanf(s, "%2x", &v); b[n++] = v; }
		for (int i = 0; i < 16; i++) R[i] = strtoull(s, &s, 16);
		memset(p, 0xcc, 4096); memcpy(p, b, n);
		sig = 0;
		if (!sigsetjmp(back, 1)) enter(p);
		printf("%d %lx %lx %lx %lx\n", sig, (unsigned long)trap, (unsigned long)err, (unsigned long)cr2, (unsigned long)(rip - 0x300000000)); fflush(stdout);
	}
}
