// A reproducer in the style of syzkaller's: asks the lab's crash module for a
// use after free, or for what its first argument names.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "uaf";
	int fd = open("/proc/crashme", O_WRONLY);

	if (fd < 0) {
		perror("open /proc/crashme");
		return 1;
	}
	if (write(fd, word, strlen(word)) < 0) {
		perror("write");
		return 1;
	}
	return 0;
}
