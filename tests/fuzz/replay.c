// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Feed a corpus to the target it is linked with: files, or folders of files. Every normal test run
 * does this, so what a fuzzer once found stays found.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <strazh/base/own.h>

#define INPUT_MAX (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path, unsigned long *count)
{
	static uint8_t bytes[INPUT_MAX];
	own_free uint8_t *exact = NULL;
	own_file FILE *file = fopen(path, "rb");
	size_t len;

	if (!file)
		return -errno;
	len = fread(bytes, 1, sizeof(bytes), file);
	if (ferror(file))
		return -EIO;
	exact = malloc(len ? len : 1);
	if (!exact)
		return -ENOMEM;
	memcpy(exact, bytes, len);
	LLVMFuzzerTestOneInput(exact, len);
	++*count;
	return 0;
}

static int replay_folder(const char *path, unsigned long *count)
{
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, NULL, alphasort), r = n < 0 ? -errno : 0;

	for (int i = 0; i < n; i++) {
		char file[4096];
		struct stat st;

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		if (!r && !stat(file, &st) && S_ISREG(st.st_mode))
			r = replay_file(file, count);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int replay(const char *path, unsigned long *count)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	return S_ISDIR(st.st_mode) ? replay_folder(path, count) : replay_file(path, count);
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
	unsigned long count = 0;

	printf("1..1\n");
	fflush(stdout); /* a target that aborts leaves a plan behind */
	for (int i = 1; i < argc; i++) {
		int r = replay(argv[i], &count);

		if (r) {
			printf("not ok 1 - %s: %s: %s\n", name, argv[i], strerror(-r));
			return 1;
		}
	}
	if (!count) {
		printf("not ok 1 - %s: no input; usage: %s FILE|FOLDER...\n", name, name);
		return 1;
	}
	printf("ok 1 - %s: %lu inputs\n", name, count);
	return 0;
}
