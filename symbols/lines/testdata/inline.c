/* Compiled by the tests in every DWARF flavour; compared with llvm-symbolizer. */
#include "inline.h"

volatile int sink;

static int __attribute__((noinline, cold)) unlikely_path(int n)
{
	sink = n;
	return n * 3;
}

static inline int clamp(int n, int lo, int hi)
{
	if (n < lo)
		return lo;
	if (n > hi)
		return hi;
	return n;
}

static inline __attribute__((always_inline)) int twice(int n)
{
	int i, sum = 0;

	for (i = 0; i < n; i++)
		sum += clamp(header_helper(i), 1, 7) + header_helper(sum);
	return sum;
}

int outer(int n)
{
	if (__builtin_expect(n > 1000, 0)) {
		sink++;
		__builtin_trap();
	}
	n = twice(n) + twice(n + 1);
	return clamp(n, 0, 4096) + unlikely_path(n);
}

int __attribute__((section(".text.other"))) elsewhere(int n)
{
	return clamp(n, 3, 9) ^ twice(n);
}

int main(int argc, char **argv)
{
	(void)argv;
	return outer(argc) + elsewhere(argc + 1) + twice(argc);
}
