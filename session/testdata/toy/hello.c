static __attribute__((used)) int hello_count;
__attribute__((used)) int hello_open(int minor)
{
	hello_count += minor;
	return hello_count;
}
