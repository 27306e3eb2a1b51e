/* Names at every level at which C lets one be used by the whole file. */
enum top { TOP_FIRST, TOP_LAST = 7 };

struct outer {
	struct within {
		enum inner { INNER_PLUS = 2, INNER_MINUS = -2 } sign;
		union choice {
			long number;
			void *pointer;
		} choice;
	} within;
	enum { ANONYMOUS = 40 } anonymous;
};

struct outer an_outer;
enum top a_top;

int main(void)
{
	return an_outer.within.sign + a_top + an_outer.anonymous;
}
