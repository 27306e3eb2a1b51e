struct list { struct list *next, *prev; };
struct inner { int a; char name[4]; };
union both { int i; long l; };
struct victim {
	int id;
	unsigned flag : 3, rest : 29;
	struct list link;
	struct inner in[2];
	union both u;
	struct { long first; long second; };
	struct victim *peer;
};

__attribute__((noinline)) long read_victim(struct victim *v, char *text)
{
	return v->peer->id + text[0];
}

long sum;

__attribute__((noinline)) void read_all(struct victim *v)
{
	for (v = v->peer; v->id; v = v->peer)
		sum += v->id;
}

int main(int argc, char **argv)
{
	read_all((struct victim *)argv);
	return read_victim((struct victim *)argv, argv[0]);
}
