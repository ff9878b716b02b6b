/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The modes, what they share, and the last line: "N passed, N failed, N skipped". */
#include <tests/tools/run-vectors/vectors.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct mode {
	const char *name;
	void (*run)(const json_t *root, struct tally *tally);
} modes[] = {
	{"--phantom-records", run_phantom_records},
	{"--wycheproof", run_wycheproof},
	{"--noise", run_noise},
	{"--phantom", run_phantom},
};

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "run-vectors: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(2);
}

void tally_count(struct tally *t, bool pass, const char *format, ...)
{
	va_list args;

	if (pass) {
		t->passed++;
		return;
	}
	t->failed++;
	va_start(args, format);
	fprintf(stderr, "%s: failed: ", t->file);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
}

void tally_skip(struct tally *t, size_t vectors)
{
	t->skipped += (unsigned)vectors;
}

const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (!text)
		die("no text '%s' where one must be", name);
	return text;
}

json_int_t number_of(const json_t *object, const char *name)
{
	const json_t *number = json_object_get(object, name);

	if (!json_is_integer(number))
		die("no number '%s' where one must be", name);
	return json_integer_value(number);
}

static unsigned nibble(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A' + 10);
	die("'%c' is no digit of hex", c);
}

struct bytes bytes_of(const json_t *vector, const char *name)
{
	const char *hex = text_of(vector, name);
	size_t len = strlen(hex);
	struct bytes bytes = {.at = malloc(len / 2 + 1), .len = len / 2};

	if (len % 2)
		die("'%s': an odd number of digits", name);
	if (!bytes.at)
		die("no memory");
	for (size_t i = 0; i < bytes.len; i++)
		bytes.at[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
	return bytes;
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->at);
}

bool bytes_same(const struct bytes *wanted, const void *got, size_t len)
{
	return wanted->len == len && !memcmp(wanted->at, got, len);
}

static void run_file(const struct mode *mode, struct tally *tally, const char *file)
{
	json_error_t error;
	json_t *root = json_load_file(file, 0, &error);

	if (!root)
		die("%s:%d: %s", file, error.line, error.text);
	tally->file = file;
	mode->run(root, tally);
	json_decref(root);
}

int main(int argc, char *argv[])
{
	struct tally tally = {0};
	const struct mode *mode = NULL;

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--", 2)) {
			if (!mode)
				break;
			run_file(mode, &tally, argv[i]);
			continue;
		}
		mode = NULL;
		for (size_t m = 0; m < ARRAY_LEN(modes); m++)
			if (!strcmp(argv[i], modes[m].name))
				mode = &modes[m];
		if (!mode)
			break;
	}
	if (!mode || !tally.file) {
		fprintf(stderr, "usage: run-vectors --MODE FILE...; modes:");
		for (size_t m = 0; m < ARRAY_LEN(modes); m++)
			fprintf(stderr, " %s", modes[m].name);
		fprintf(stderr, "\n");
		return 2;
	}
	printf("%u passed, %u failed, %u skipped\n", tally.passed, tally.failed, tally.skipped);
	return tally.failed ? 1 : 0;
}
