// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * bench-store BUILD_DIR: the store on SQLite and on the PostgreSQL at ORM_TEST_PG. Rows on standard
 * output.
 *
 *	guard.rebuild_1m_s	the whole of it: strazhd is started where the store has a million
 *				bans of operators and there are no maps, until it is ready and all
 * of them are in the gate. Root; else left out
 *	store.read_1m_s		a store with a million bans is opened, and each is given to a
 *				callback that keeps what a map would hold: prefix and time left
 *	store.acts_per_s	bans put durable, each with its audit record, submitted as fast as
 *				the backlog takes them
 *	store.act_ms		one durable ban at a time, median
 *	store.sources_per_s	states of sources, written behind
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <strazh/base/own.h>

#include <user/store/store.h>
#include <user/store/tables.h>

#include <tests/bench/figures.h>
#include <tests/bench/store/restart.h>

#define MILLION 1000000U
#define ACTS 100000U
#define SINGLE 200U
#define SOURCES 100000U
#define ROUNDS 3U
#define NOW_MS 1700000000000LL
#define FAR_MS 4000000000000LL /* in 2096: live for strazhd as well */

static struct store *open_store(const char *url)
{
	struct store_fault fault = {0};
	struct store *st;

	if (store_open(url, NULL, &st, &fault))
		die("'%s': %s", url, fault.text);
	return st;
}

static struct prefix host(uint32_t n)
{
	uint32_t addr = htonl(0x01000000U + n * 37U);

	return prefix_from(4, &addr, 32);
}

static void empty(const char *url)
{
	static const char *const tables[] = {"ban", "audit", "audit_head", "source"};
	struct orm_error error = {0};
	struct orm_session *s;
	char sql[64];

	store_close(open_store(url), NULL);
	if (orm_connect(url, &s, &error))
		die("%s", error.text);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		struct orm_query *q;

		snprintf(sql, sizeof(sql), "DELETE FROM %s", tables[i]);
		q = orm_raw(s, sql);
		if (orm_exec(s, q, NULL))
			die("%s", orm_error(s)->text);
		orm_query_free(q);
	}
	orm_disconnect(s);
}

/* ---- a million bans ---- */

struct loader {
	uint32_t next;
	char cidr[PREFIX_TEXT_LEN];
	struct ban row;
};

static int next_ban(void *data, const void **ret_row)
{
	struct loader *l = data;
	struct prefix p = host(l->next);

	if (l->next == MILLION)
		return ORM_E_END;
	l->row = (struct ban){
		.orm_null = l->next % 2 ? 0 : ORM_BIT(ban, until_ms),
		.cidr = prefix_format(&p, l->cidr),
		.since_ms = NOW_MS - 1000,
		.until_ms = l->next % 2 ? FAR_MS + l->next : 0,
		.offences = 1,
		.origin = "operator",
		.actor = "operator:anna 1000",
		.cause = l->next % 100 ? "" : "312 handshake failures in 4 s",
	};
	l->next++;
	*ret_row = &l->row;
	return 0;
}

static void load_million(const char *url)
{
	struct loader loader = {0};
	struct orm_load load = {.table = T(ban), .next = next_ban, .data = &loader};
	struct orm_error error = {0};
	struct orm_session *s;

	empty(url);
	if (orm_connect(url, &s, &error))
		die("%s", error.text);
	if (orm_load(s, &load, NULL))
		die("%s", orm_error(s)->text);
	orm_disconnect(s);
}

struct entry {
	struct prefix prefix;
	int64_t left_ms;
};
struct map {
	struct entry *entries;
	size_t n;
};

static int keep(void *data, const struct store_ban *ban)
{
	struct map *map = data;

	if (map->n == MILLION)
		die("more bans than were stored");
	map->entries[map->n++] = (struct entry){
		ban->prefix, store_left_ms(ban->since_ms, ban->until_ms, NOW_MS)};
	return 0;
}

static void rebuild(const char *name, const char *url)
{
	own_free struct entry *entries = calloc(MILLION, sizeof(*entries));
	struct samples samples = {0};

	if (!entries)
		die("no memory");
	load_million(url);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct map map = {.entries = entries};
		struct store_fault fault = {0};
		double begin = now_s();
		struct store *st = open_store(url);

		if (store_each_ban(st, NOW_MS, keep, &map, &fault))
			die("%s", fault.text);
		samples_add(&samples, now_s() - begin);
		store_close(st, NULL);
		if (map.n != MILLION)
			die("%zu bans of a million", map.n);
	}
	report(name, samples_at(&samples, 50), "s", NULL, 0, &samples);
}

/* ---- acts ---- */

static void count(void *data, int result)
{
	if (result)
		die("%s", store_condition_text(result));
	++*(unsigned *)data;
}

static struct store_act ban_of(uint32_t n)
{
	return (struct store_act){
		.verb = STORE_BAN_PUT,
		.at_ms = NOW_MS,
		.actor = "guard",
		.cause = "312 handshake failures in 4 s (0.45), brute-forced keys (0.38)",
		.ban = {.prefix = host(n),
			.since_ms = NOW_MS,
			.until_ms = NOW_MS + 1000,
			.offences = 1,
			.origin = "guard"},
	};
}

static double acts_once(const char *url)
{
	struct store *st;
	struct pollfd fd = {.events = POLLIN};
	unsigned given = 0, done = 0;
	double begin;

	empty(url);
	st = open_store(url);
	fd.fd = store_fd(st);
	begin = now_s();
	while (done < ACTS) {
		struct store_act act = ban_of(given);

		if (given < ACTS && store_submit(st, &act, count, &done) == 0) {
			given++;
			continue;
		}
		if (poll(&fd, 1, 60000) != 1)
			die("nothing was written for a minute");
		store_collect(st);
	}
	begin = now_s() - begin;
	store_close(st, NULL);
	return begin;
}

static void acts(const char *name, const char *single, const char *url)
{
	struct samples samples = {0}, one = {0};
	struct store *st;

	for (unsigned i = 0; i < ROUNDS; i++)
		samples_add(&samples, ACTS / acts_once(url));
	report(name, samples_at(&samples, 50), "1/s", NULL, 0, &samples);
	st = open_store(url);
	for (uint32_t i = 0; i < SINGLE; i++) {
		struct store_act act = ban_of(i);
		double begin = now_s();

		if (store_do(st, &act, 0))
			die("a ban was not written");
		samples_add(&one, (now_s() - begin) * 1000);
	}
	store_close(st, NULL);
	report(single, samples_at(&one, 50), "ms", NULL, 0, &one);
}

static void sources(const char *name, const char *url)
{
	struct samples samples = {0};

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct store *st;
		double begin;

		empty(url);
		st = open_store(url);
		begin = now_s();
		for (uint32_t i = 0; i < SOURCES;) {
			struct store_source source = {.prefix = host(i),
						      .evidence_len = 12,
						      .evidence = {0.25, 1.0 / (i + 3)},
						      .scored_ms = NOW_MS,
						      .first_ms = NOW_MS,
						      .last_ms = NOW_MS};

			if (store_source_put(st, &source) == 0)
				i++;
			else
				usleep(1000);
		}
		if (store_flush(st, 0))
			die("sources were not written");
		samples_add(&samples, SOURCES / (now_s() - begin));
		store_close(st, NULL);
	}
	report(name, samples_at(&samples, 50), "1/s", NULL, 0, &samples);
}

int main(int argc, char **argv)
{
	const char *pg = getenv("ORM_TEST_PG");
	static const char *const tails[] = {"", "-wal", "-shm"};
	char url[4200], path[4300];

	if (argc < 2)
		die("which build folder? bench-store BUILD_DIR");
	snprintf(url, sizeof(url), "sqlite:%s/bench-store.db", argv[1]);
	for (int after = 0; after < 2; after++) {
		for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
			snprintf(path, sizeof(path), "%s%s", url + strlen("sqlite:"), tails[i]);
			unlink(path);
		}
		if (after)
			break;
		say("SQLite");
		rebuild("store.read_1m_s", url);
		if (geteuid() == 0)
			restart("guard.rebuild_1m_s", argv[1], url, MILLION);
		acts("store.acts_per_s", "store.act_ms", url);
		sources("store.sources_per_s", url);
	}
	if (!pg)
		return 0;
	say("PostgreSQL");
	rebuild("store.read_1m_s_pg", pg);
	if (geteuid() == 0)
		restart("guard.rebuild_1m_s_pg", argv[1], pg, MILLION);
	acts("store.acts_per_s_pg", "store.act_ms_pg", pg);
	sources("store.sources_per_s_pg", pg);
	empty(pg);
	return 0;
}
