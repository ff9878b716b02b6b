// SPDX-License-Identifier: AGPL-3.0-or-later
/* Sources: the newest state wins, what is taken is written, full is said, old ones go. */
#include <tests/store/depot.h>

#include <errno.h>

#define DAY_MS 86400000LL

struct seen {
	unsigned n;
	double sum;
	struct store_source last;
};

static int see(void *data, const struct store_source *source)
{
	struct seen *seen = data;

	seen->n++;
	seen->sum += source->evidence[0];
	seen->last = *source;
	return 0;
}

static struct seen all(struct store *st)
{
	struct seen seen = {0};
	struct store_fault fault = {0};

	if (store_each_source(st, 0, see, &seen, &fault))
		fail_msg("%s", fault.text);
	return seen;
}

static void a_source_comes_back(void **state)
{
	struct store *st = depot_open(*state, NULL);
	struct store_source in = depot_source(7, 0.1), out;

	in.evidence_len = STORE_EVIDENCE_MAX;
	for (unsigned i = 0; i < STORE_EVIDENCE_MAX; i++)
		in.evidence[i] = 1.0 / (3 + i);
	in.prefix = depot_prefix("2001:db8:1::/64");
	in.trust_until_ms = DEPOT_T0 + 5;
	in.banned_until_ms = DEPOT_T0 + 6;
	in.score = 0.875;
	in.ban_over_h = 7;
	in.good_ago_d = 8;
	in.share = 9;
	in.days = 10;
	in.sessions = 11;
	in.proven = 1;
	assert_int_equal(store_source_put(st, &in), 0);
	assert_int_equal(store_flush(st, 0), 0);
	out = all(st).last;
	assert_memory_equal(&in.prefix, &out.prefix, sizeof(in.prefix));
	assert_memory_equal(in.evidence, out.evidence, sizeof(in.evidence));
	assert_int_equal(out.evidence_len, STORE_EVIDENCE_MAX);
	assert_true(out.pressure == in.pressure && out.good == in.good);
	assert_int_equal(out.trust_until_ms, in.trust_until_ms);
	assert_int_equal(out.scored_ms, in.scored_ms);
	assert_int_equal(out.first_ms, in.first_ms);
	assert_int_equal(out.last_ms, in.last_ms);
	assert_memory_equal(&in, &out, sizeof(in));
	in.evidence_len = 0; /* no scores are an empty list, not NULL */
	assert_int_equal(store_source_put(st, &in), 0);
	assert_int_equal(store_flush(st, 0), 0);
	assert_int_equal(all(st).last.evidence_len, 0);
	assert_int_equal(all(st).n, 1);
	depot_close(st);
}

static void newest_wins_and_close_flushes(void **state)
{
	const struct database *db = *state;
	struct store_options options = {.sources_every_ms = 3600000};
	struct store *st = depot_open(db, &options);
	struct store_source found;
	struct store_health health;
	struct seen seen;

	for (uint32_t round = 0; round < 4; round++)
		for (uint32_t i = 0; i < 900; i++) {
			struct store_source source = depot_source(i, round);

			assert_int_equal(store_source_put(st, &source), 0);
		}
	store_health(st, &health);
	assert_int_equal(health.sources, 900);
	assert_int_equal(health.sources_merged, 2700);
	/* What waits is found as it will be. */
	assert_int_equal(
		store_find_source(st, &(struct prefix){{10, 0, 0, 5}, 4, 32}, &found, NULL), 0);
	assert_true(found.evidence[0] == 3);
	depot_close(st);
	st = depot_open(db, NULL);
	seen = all(st);
	assert_int_equal(seen.n, 900);
	assert_true(seen.sum == 3 * 900.0);
	assert_int_equal(store_each_source(st, 1, see, &seen, NULL), 0);
	assert_int_equal(seen.last.last_ms, DEPOT_T0 + 899);
	found = (struct store_source){0};
	assert_int_equal(store_find_source(st, &seen.last.prefix, &found, NULL), 0);
	assert_memory_equal(&found, &seen.last, sizeof(found));
	assert_int_equal(store_find_source(st, &(struct prefix){{11}, 4, 32}, &found, NULL),
			 STORE_ABSENT);
	depot_close(st);
}

static void full_is_said(void **state)
{
	struct store_options options = {.sources_max = 10, .sources_every_ms = 3600000};
	struct store *st = depot_manual(*state, &options);
	struct store_health health;

	for (uint32_t i = 0; i < 15; i++) {
		struct store_source source = depot_source(i, 1);

		assert_int_equal(store_source_put(st, &source), i < 10 ? 0 : STORE_FULL);
	}
	store_health(st, &health);
	assert_int_equal(health.sources_dropped, 5);
	assert_int_equal(health.sources, 10);
	assert_int_equal(store_turn(st), 0); /* none is due yet */
	assert_int_equal(all(st).n, 0);
	st->flushing = true;
	assert_int_equal(store_turn(st), 0);
	assert_int_equal(all(st).n, 10);
	depot_close(st);
}

static void not_taken(void **state)
{
	struct store *st = depot_manual(*state, NULL);
	struct store_source good = depot_source(1, 1), bad;

#define BAD(change)                                                                                \
	do {                                                                                       \
		bad = good;                                                                        \
		change;                                                                            \
		assert_int_equal(store_source_put(st, &bad), -EINVAL);                             \
	} while (0)
	BAD(bad.evidence[1] = 0.0 / 0.0);
	BAD(bad.pressure = 1 / 0.0);
	BAD(bad.evidence_len = STORE_EVIDENCE_MAX + 1);
	BAD(bad.prefix.family = 0);
	BAD(bad.last_ms = INT64_MIN);
	depot_close(st);
}

/* Random puts, takes and returns against a plain array. */
static void pending_as_a_model(void **state)
{
	enum { HOSTS = 40, MAX = 16 };
	struct store_source out[MAX];
	double model[HOSTS];
	struct store_pending p;
	uint64_t order = 0;
	unsigned random = 1;

	(void)state;
	assert_int_equal(store_pending_init(&p, MAX, 0x1234567890abcdefULL), 0);
	for (unsigned i = 0; i < HOSTS; i++)
		model[i] = -1;
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t host, n, in = 0;
		struct store_source source;
		enum store_pending_what what;

		random = random * 1103515245U + 12345U;
		host = (random >> 16) % HOSTS;
		source = depot_source(host, i);
		for (unsigned k = 0; k < HOSTS; k++)
			in += model[k] >= 0;
		assert_int_equal(p.count, in);
		what = store_pending_put(&p, &source, MAX);
		assert_int_equal(what, model[host] >= 0 ? STORE_PENDING_MERGED
				       : in == MAX	? STORE_PENDING_FULL
							: STORE_PENDING_NEW);
		if (what != STORE_PENDING_FULL)
			model[host] = i;
		if (random >> 28)
			continue;
		n = store_pending_take(&p, out, 1 + (random >> 20) % 6, &order);
		for (uint32_t k = 0; k < n; k++) {
			uint32_t at = out[k].prefix.addr[3];

			assert_true(out[k].evidence[0] == model[at]);
			model[at] = -1;
		}
		if (!(random >> 24 & 1))
			continue;
		if (n && random >> 23 & 1) { /* a newer state of one comes meanwhile */
			source = out[0];
			source.evidence[0] = i + 0.5;
			assert_int_equal(store_pending_put(&p, &source, MAX), STORE_PENDING_NEW);
			model[out[0].prefix.addr[3]] = i + 0.5;
		}
		if (!store_pending_return(&p, out, n, order) && n)
			assert_int_equal(store_pending_oldest(&p), order);
		for (uint32_t k = 0; k < n; k++)
			if (model[out[k].prefix.addr[3]] < 0)
				model[out[k].prefix.addr[3]] = out[k].evidence[0];
	}
	store_pending_deinit(&p);
}

static void old_rows_go(void **state)
{
	const struct database *db = *state;
	struct store_options options = {.retain_every_ms = -1};
	struct store *st = depot_open(db, &options);
	int64_t now_ms = DEPOT_T0 + 800 * DAY_MS;
	struct store_source source;
	struct store_act act;
	uint64_t deleted = 0;

	for (uint32_t i = 0; i < 2500; i++) {
		source = depot_source(i, 1);
		if (i >= 2490)
			source.last_ms = now_ms - DAY_MS;
		assert_int_equal(store_source_put(st, &source), 0);
	}
	act = depot_ban("192.0.2.1", now_ms - 8 * DAY_MS, "long over");
	depot_do(st, &act);
	act = depot_ban("192.0.2.2", now_ms - 6 * DAY_MS, "over, and a clock may be wrong");
	depot_do(st, &act);
	act = depot_ban("192.0.2.3", 0, "for ever");
	depot_do(st, &act);
	assert_int_equal(store_flush(st, 0), 0);
	assert_int_equal(store_retain(st, now_ms, &deleted, NULL), 0);
	assert_int_equal(deleted, 2490 + 1 + 3); /* and the three records */
	database_expect(db, "SELECT count(*) FROM source", "10\n");
	depot_expect_bans(st, 0,
			  "192.0.2.2 1 test guard over, and a clock may be wrong\n"
			  "192.0.2.3 1 test guard for ever\n");
	depot_chain(st, 2);
	depot_close(st);
}

/* Once the alerts of one kind went all together, in one statement, however many there were. */
static void alerts_go_in_rounds(void **state)
{
	const struct database *db = *state;
	struct store_options options = {.retain_every_ms = -1, .alerts_keep_ms = DAY_MS};
	struct store *st = depot_open(db, &options);
	struct orm_session *s;
	struct store_fault fault;
	uint64_t deleted = 0;

	database_do(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
			"i < 2500) INSERT INTO alert (kind, subject, opened_ms, closed_ms, "
			"severity, what) SELECT 'k', 's' || i, 1000, CASE WHEN i <= 2490 THEN 2000 "
			"END, 1, 'w' FROM n");
	assert_int_equal(store_reader(st, &s, &fault), 0);
	orm_session_promise(s, ORM_DURABLE);
	assert_int_equal(store_retain_step(st, s, DEPOT_T0, &deleted), 0);
	assert_int_equal(deleted, 1000);
	orm_session_close(s);
	assert_int_equal(store_retain(st, DEPOT_T0, &deleted, NULL), 0);
	assert_int_equal(deleted, 1490);
	database_expect(db, "SELECT count(*) FROM alert", "10\n");
	depot_close(st);
}

static struct store_source held_against(uint32_t n)
{
	struct store_source source = depot_source(n, 0.5);

	source.evidence_len = STORE_EVIDENCE_MAX;
	source.score = 0.9;
	source.pressure = 0.4;
	source.offences = 3;
	source.ban_over_h = 2;
	source.banned_until_ms = DEPOT_T0 + 5000;
	source.days = 7;
	source.good = 2;
	source.trust_until_ms = DEPOT_T0 + 9000;
	return source;
}

static int see_forgiven(void *data, const struct store_source *source)
{
	unsigned *n = data;

	assert_int_equal(source->evidence_len, 0);
	assert_true(source->score == 0 && source->pressure == 0);
	assert_int_equal(source->offences, 0);
	assert_int_equal(source->ban_over_h, 0);
	assert_int_equal(source->banned_until_ms, 0);
	assert_int_equal(source->days, 7);
	assert_true(source->good == 2);
	assert_int_equal(source->trust_until_ms, DEPOT_T0 + 9000);
	(*n)++;
	return 0;
}

/* All bans are taken back: what was stored, what waits and what is on its way is forgiven. */
static void a_flush_forgives(void **state)
{
	const struct database *db = *state;
	struct store *st = depot_manual(db, NULL);
	struct store_act act = depot_ban("192.0.2.1", DEPOT_T0 + 1000, "x");
	struct store_source source;
	unsigned n = 0;

	act.ban.origin = "guard";
	assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
	act.ban.origin = "operator";
	assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
	for (uint32_t i = 0; i < 10; i++) {
		source = held_against(i);
		source.last_ms = DEPOT_T0 + i / 3;
		assert_int_equal(store_source_put(st, &source), 0);
	}
	st->flushing = true;
	assert_int_equal(store_turn(st), 0);
	source = held_against(10);
	assert_int_equal(store_source_put(st, &source), 0);

	act = (struct store_act){.verb = STORE_BAN_CLEAR, .at_ms = DEPOT_T0, .actor = "guard"};
	act.ban.origin = "guard";
	assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
	assert_int_equal(store_turn(st), 0);
	depot_expect_bans(st, DEPOT_T0, "192.0.2.1 1 operator guard x\n");
	database_expect(db, "SELECT subject FROM audit WHERE action = 'flush'", "deny guard\n");
	database_expect(db, "SELECT count(*) FROM source WHERE offences = 3", "10\n");

	act.ban.origin = NULL;
	assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
	st->flushing = true;
	assert_int_equal(store_turn(st), 0);
	depot_expect_bans(st, DEPOT_T0, "");
	assert_int_equal(store_each_source(st, 0, see_forgiven, &n, NULL), 0);
	assert_int_equal(n, 11);
	act.ban.origin = "";
	assert_int_equal(store_submit(st, &act, NULL, NULL), -EINVAL);
	depot_close(st);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST_SQLITE(alerts_go_in_rounds),
		DATABASE_TEST(a_source_comes_back),
		DATABASE_TEST(newest_wins_and_close_flushes),
		DATABASE_TEST(full_is_said),
		DATABASE_TEST_SQLITE(not_taken),
		DATABASE_TEST_SQLITE(pending_as_a_model),
		DATABASE_TEST(old_rows_go),
		DATABASE_TEST(a_flush_forgives),
	};

	return DATABASE_RUN(tests);
}
