/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* guard-cost: nanoseconds of one judgement; best of 9 runs. libpg_query's parser beside it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pg_query.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/guard.h>

#define RUNS 9

static char long_text[2][ORM_GUARD_VALUE_MAX];
static struct orm_guard *guard;

static const struct value {
	const char *name, *text;
	size_t len; /* 0: of the text */
} values[] = {
	{"a word", "Smith", 0},
	{"40 bytes, prose", "The quick brown fox jumps over lazy dogs", 0},
	{"40 bytes, prose with an apostrophe", "Mr. O'Brien's 2nd house is in Dublin, IE", 0},
	{"40 bytes, an email", "john.o.doe+newsletter@mail.example.co.uk", 0},
	{"40 bytes, with a percent sign", "Save 50% on all of the things you like!!", 0},
	{"200 bytes of JSON",
	 "{\"id\": 17, \"name\": \"O'Brien\", \"tags\": [\"a\", \"b\", \"c\"], \"note\": \"select "
	 "one or "
	 "two; it's fine\", \"email\": \"x@example.org\", \"address\": {\"street\": \"12 Main "
	 "St\", "
	 "\"city\": \"Cork\"}, \"n\": 1}",
	 0},
	{"an injection", "x' UNION SELECT name, password FROM users WHERE 'a'='a", 0},
	{"64 KiB, no quote", long_text[0], sizeof(long_text[0])},
	{"64 KiB of ' OR 1=1", long_text[1], sizeof(long_text[1])},
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void judge(const struct value *v)
{
	struct orm_guard_finding f;

	orm_guard_inspect(v->text, v->len ? v->len : strlen(v->text), ORM_GUARD_ANY, 0, &f);
}

/* Through the guard, with its counters. */
static void judge_counted(const struct value *v)
{
	orm_guard_value(guard, 1, v->text, v->len ? v->len : strlen(v->text), NULL);
}

static void count(const struct value *v)
{
	static uint64_t client;

	(void)v;
	client++;
	orm_guard_count(guard, 1 + client % 4000,
			&(struct orm_guard_use){.queries = 1, .rows = 3, .shape = client % 16});
}

static void parse(const struct value *v)
{
	char sql[512];

	snprintf(sql, sizeof(sql), "SELECT * FROM t WHERE a = '%s'", v->text);
	pg_query_free_parse_result(pg_query_parse(sql));
}

static void fragment(const struct value *v)
{
	if (orm_guard_fragment(NULL, 0, ORM_FRAGMENT_CONDITION, v->text, strlen(v->text), NULL))
		abort();
}

static void measure(const char *name, void (*what)(const struct value *v), const struct value *v,
		    unsigned n)
{
	double best = 1e18;

	for (unsigned run = 0; run < RUNS; run++) {
		double begin = now(), took;

		for (unsigned i = 0; i < n; i++)
			what(v);
		took = (now() - begin) / n;
		best = took < best ? took : best;
	}
	printf("%-48s %10.0f ns\n", name, best);
}

int main(void)
{
	const struct value condition = {"", "a = 1 AND lower(b) LIKE 'x%' OR c IN (1, 2)", 0};

	memset(long_text[0], 'a', sizeof(long_text[0]));
	for (size_t i = 0; i < sizeof(long_text[1]); i++)
		long_text[1][i] = " OR '1'='1"[i % 10];
	long_text[1][0] = '\'';
	guard = orm_guard_new(NULL);
	if (!guard)
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		measure(values[i].name, judge, &values[i], values[i].len ? 50 : 200000);
	measure("40 bytes, prose, counted", judge_counted, &values[1], 200000);
	measure("one call of orm_guard_count()", count, NULL, 200000);
	measure("a fragment of 43 bytes", fragment, &condition, 2000);
	measure("libpg_query: SELECT around 40 bytes of prose", parse, &values[1], 5000);
	measure("libpg_query: SELECT around an injection", parse, &values[6], 5000);
	orm_guard_free(guard);
	return 0;
}
