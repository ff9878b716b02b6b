/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * run-vectors --MODE FILE...: published vectors through the product's own code. A mode is a row of
 * the table in main.c and a file beside it; it gets each file as JSON and counts.
 */
#ifndef TESTS_TOOLS_RUN_VECTORS_VECTORS_H
#define TESTS_TOOLS_RUN_VECTORS_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <strazh/base/compiler.h>

struct tally {
	const char *file;
	unsigned passed;
	unsigned failed;
	unsigned skipped;
};

/* One vector; a failed one is told on standard error, with `format`. */
void tally_count(struct tally *t, bool pass, const char *format, ...) printf_like(3, 4);
void tally_skip(struct tally *t, size_t vectors);
/* A file that is not of the format ends the program. */
void die(const char *format, ...) printf_like(1, 2) __attribute__((noreturn));

struct bytes {
	uint8_t *at; /* never NULL */
	size_t len;
};
/* The member `name` of a vector, in hex; dies without it. bytes_free() it. */
struct bytes bytes_of(const json_t *vector, const char *name);
void bytes_free(struct bytes *bytes);
#define own_bytes cleanup_with(bytes_free)
bool bytes_same(const struct bytes *wanted, const void *got, size_t len);

/* A member that must be there; dies without it. */
const char *text_of(const json_t *object, const char *name);
json_int_t number_of(const json_t *object, const char *name);

/* The modes. */
void run_phantom_records(const json_t *root, struct tally *tally);
void run_wycheproof(const json_t *root, struct tally *tally);
void run_noise(const json_t *root, struct tally *tally);
void run_phantom(const json_t *root, struct tally *tally);

#endif
