// SPDX-License-Identifier: AGPL-3.0-or-later
/* What the store's tests share. */
#include <tests/store/depot.h>

#include <arpa/inet.h>
#include <poll.h>

#define SILENCE_MAX_MS 60000

struct store *depot_open(const struct database *db, const struct store_options *options)
{
	struct store_fault fault = {0};
	struct store *st = NULL;

	if (store_open(db->url, options, &st, &fault))
		fail_msg("%s", fault.text);
	return st;
}

struct store *depot_manual(const struct database *db, const struct store_options *options)
{
	struct store_fault fault = {0};
	struct store *st = NULL;

	if (store_new(db->url, options, &st, &fault))
		fail_msg("%s", fault.text);
	return st;
}

void depot_close(struct store *st)
{
	uint32_t lost = 0;

	store_close(st, &lost);
	assert_int_equal(lost, 0);
}

struct prefix depot_prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, strlen(text), &p), 0);
	return p;
}

struct prefix depot_host(uint32_t n)
{
	uint32_t addr = htonl(0x0a000000U + n);

	return prefix_from(4, &addr, 32);
}

struct store_act depot_ban(const char *cidr, int64_t until_ms, const char *cause)
{
	return (struct store_act){
		.verb = STORE_BAN_PUT,
		.at_ms = DEPOT_T0,
		.actor = "guard",
		.cause = cause,
		.ban = {.prefix = depot_prefix(cidr),
			.since_ms = DEPOT_T0,
			.until_ms = until_ms,
			.offences = 1,
			.origin = "test"},
	};
}

struct store_act depot_lift(const char *cidr, const char *cause)
{
	return (struct store_act){
		.verb = STORE_BAN_LIFT,
		.at_ms = DEPOT_T0,
		.actor = "operator:anna",
		.cause = cause,
		.ban = {.prefix = depot_prefix(cidr), .origin = "test"},
	};
}

struct store_act depot_note(const char *action, const char *subject, const char *detail)
{
	return (struct store_act){
		.verb = STORE_NOTE,
		.at_ms = DEPOT_T0,
		.actor = "operator:anna",
		.detail = detail,
		.note = {.action = action, .subject = subject},
	};
}

struct store_source depot_source(uint32_t n, double score)
{
	return (struct store_source){
		.prefix = depot_host(n),
		.evidence_len = 3,
		.evidence = {score, 0.25, 0},
		.pressure = 0.5,
		.good = 0.125,
		.scored_ms = DEPOT_T0,
		.first_ms = DEPOT_T0 - 1000,
		.last_ms = DEPOT_T0 + n,
		.offences = 2,
	};
}

void depot_do(struct store *st, const struct store_act *act)
{
	int r = store_do(st, act, 0);

	if (r)
		fail_msg("%s", store_condition_text(r));
}

struct lines {
	char **line;
	size_t n;
};

static int add_ban(void *data, const struct store_ban *ban)
{
	struct lines *lines = data;
	char cidr[PREFIX_TEXT_LEN];

	lines->line = realloc(lines->line, (lines->n + 1) * sizeof(*lines->line));
	assert_non_null(lines->line);
	assert_true(asprintf(&lines->line[lines->n++], "%s %d %s %s %s\n",
			     prefix_format(&ban->prefix, cidr), ban->offences, ban->origin,
			     ban->actor, ban->cause) > 0);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *depot_bans(struct store *st, int64_t now_ms)
{
	struct store_fault fault = {0};
	struct lines lines = {0};
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (store_each_ban(st, now_ms, add_ban, &lines, &fault))
		fail_msg("%s", fault.text);
	if (lines.n)
		qsort(lines.line, lines.n, sizeof(*lines.line), by_text);
	for (size_t i = 0; i < lines.n; i++) {
		fputs(lines.line[i], out);
		free(lines.line[i]);
	}
	free(lines.line);
	fclose(out);
	return text;
}

void depot_expect_bans(struct store *st, int64_t now_ms, const char *want)
{
	char *got = depot_bans(st, now_ms);

	assert_string_equal(got, want);
	free(got);
}

void depot_chain(struct store *st, int64_t records)
{
	struct store_audit_state state = {0};
	struct store_fault fault = {0};
	int r = store_audit_verify(st, &state, &fault);

	if (r)
		fail_msg("%s: record %lld: %s %s", store_condition_text(r),
			 (long long)state.broken_seq, state.broken_why ? state.broken_why : "",
			 fault.text);
	assert_int_equal(state.records, records);
}

void depot_count(void *data, int result)
{
	struct depot_count *count = data;

	assert_true(result >= 0 && result < STORE_CONDITION_COUNT);
	count->of[result]++;
}

void depot_collect(struct store *st, unsigned n)
{
	struct pollfd fd = {.fd = store_fd(st), .events = POLLIN};

	while (n) {
		unsigned got;

		if (poll(&fd, 1, SILENCE_MAX_MS) != 1)
			fail_msg("%u acts were never given back", n);
		got = store_collect(st);
		assert_true(got <= n);
		n -= got;
	}
}
