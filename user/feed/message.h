/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What strazhd and strazh-fetch say to each other. strazh-fetch talks to strangers and reads what
 * they wrote; it has no rights, and strazhd takes nothing from it but what is defined here: one
 * answer of fixed size, and a copy (copy.h): records of fixed size behind one head.
 *
 *	stdin	one struct feed_request		stdout	one struct feed_answer
 *	3	an empty file: the copy is written there, and is on the disk when the answer says so
 *
 * Both are built together, so the order of bytes and the layout are those of this machine.
 */
#ifndef STRAZH_USER_FEED_MESSAGE_H
#define STRAZH_USER_FEED_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>

#define FEED_MAGIC 0x64656566U
#define FEED_VERSION 1U
#define FEED_COPY_FD 3
#define FEED_URL_LEN 2048U /* with its NUL; so the others */
#define FEED_ETAG_LEN 256U
#define FEED_MODIFIED_LEN 64U
#define FEED_KEY_LEN 256U
#define FEED_TEXT_LEN 240U
#define FEED_ENTRIES_MOST 4000000U
#define FEED_DECISIONS_MOST 1000000U

/* What comes, and how it is read. */
enum feed_format { FEED_AUTO, FEED_PLAIN, FEED_CSV, FEED_LAPI, FEED_FORMATS };

enum feed_scope { FEED_SCOPE_IP = 1, FEED_SCOPE_RANGE = 2 };

struct feed_request {
	uint32_t magic, version;
	uint32_t format; /* enum feed_format */
	uint32_t scopes; /* of LAPI: enum feed_scope, or-ed */
	uint64_t max_bytes, max_entries;
	uint32_t seconds; /* for all of it */
	uint32_t redirects;
	char url[FEED_URL_LEN]; /* http://, https://, file:/ */
	char etag[FEED_ETAG_LEN], modified[FEED_MODIFIED_LEN];
	char key[FEED_KEY_LEN]; /* X-Api-Key; "": none */
};

/* X(NAME, "text") */
#define FEED_OUTCOMES(X)                                                                           \
	X(NEW, "a new copy")                                                                       \
	X(SAME, "not changed since")                                                               \
	X(UNREACHED, "not reached")                                                                \
	X(DENIED, "the server refuses us")                                                         \
	X(TOO_LARGE, "larger than allowed")                                                        \
	X(UNREADABLE, "not what was asked for")                                                    \
	X(BROKEN, "strazh-fetch cannot work here")
enum feed_outcome {
#define X(name, text) FEED_##name,
	FEED_OUTCOMES(X)
#undef X
		FEED_OUTCOME_COUNT,
};
extern const char *const feed_outcome_texts[FEED_OUTCOME_COUNT];

struct feed_answer {
	uint32_t magic;
	uint32_t outcome; /* enum feed_outcome */
	char text[FEED_TEXT_LEN];
};

/* A line that was no entry: where, how it begins, why. */
#define FEED_WRONG_KEPT 4U
struct feed_wrong {
	uint64_t line;
	char text[48], why[80];
};

/* What a copy begins with. Then `count` of struct prefix, or of struct feed_decision (LAPI). */
struct feed_head {
	uint32_t magic, version;
	uint32_t format;
	uint32_t pad;
	uint64_t count;
	uint64_t lines, wrong; /* of the text; of LAPI: decisions of another type or scope */
	uint64_t bytes;	       /* read, after decompression */
	uint64_t fetched_s;    /* wall clock */
	char etag[FEED_ETAG_LEN], modified[FEED_MODIFIED_LEN];
	struct feed_wrong wrongs[FEED_WRONG_KEPT];
};

/* A decision that came (left_ms > 0) or went. */
struct feed_decision {
	uint64_t id; /* 0: it has none, and what goes are all of that prefix */
	uint64_t left_ms;
	struct prefix prefix;
	uint8_t gone, pad[5];
};

/* Text of a stranger: NUL-terminated, printable ASCII after it. */
void feed_text_clean(char *text, size_t size);
bool feed_request_right(const struct feed_request *request) must_check;
/* Cleans the text. */
bool feed_answer_right(struct feed_answer *answer) must_check;

#endif
