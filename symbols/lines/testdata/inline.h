static inline int header_helper(int n)
{
	extern volatile int sink;

	if (n & 1)
		sink ^= n;
	return n / 2;
}
