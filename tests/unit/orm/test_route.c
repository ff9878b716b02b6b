/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "route_kit.h"

#include <orm/pool/backoff.h>
#include <orm/watch/stats.h>

static void all_replay(void)
{
	fake_servers[1].lsn = fake_servers[2].lsn = (unsigned long long)fake_servers[0].lsn;
}

static void one_server(void **state)
{
	(void)state;
	make(1, &fake_clock);
	assert_int_equal(reads_at(NULL), 0);
	assert_int_equal(writes_at(), 0);
	assert_false(orm_route_survey(route));
	assert_int_equal(stats().samples, 0); /* it costs nothing */
	assert_int_equal(fake_servers[0].opens, 1);
}

static void reads_on_replicas(void **state)
{
	unsigned seen[SERVERS] = {0};
	struct orm_stats s = {0};

	(void)state;
	make(3, &fake_clock);
	for (int i = 0; i < 1000; i++)
		seen[reads_at(NULL)]++;
	assert_int_equal(seen[0], 0);
	assert_true(seen[1] > 300 && seen[2] > 300);
	assert_int_equal(writes_at(), 0);
	assert_int_equal(stats().on_replica, 1000);
	assert_int_equal(stats().replicas, 2);
	orm_stats_add_route(&s, route);
	assert_int_equal(s.route_replica, 1000);
	assert_int_equal(s.pool_acquired, 1001);
	assert_int_equal(s.pool_open, 3);
	assert_int_equal(s.breaker_open, 0);
}

static void own_writes_are_read(void **state)
{
	struct orm_seen seen = {0}, other = {0};

	(void)state;
	make(2, &fake_clock);
	assert_int_equal(reads_at(&seen), 1);
	fake_servers[0].lsn += 50;
	orm_route_wrote(route, &seen);
	assert_int_equal(reads_at(&seen), 0);
	assert_int_equal(reads_at(&other), 1); /* who did not write may read older rows */
	pass_ms(400);
	assert_int_equal(reads_at(&seen), 0);
	assert_int_equal(reads_at(&other), 1);
	fake_servers[1].lsn += 49;
	pass_ms(200);
	assert_int_equal(reads_at(&seen), 0);
	fake_servers[1].lsn += 1;
	assert_int_equal(reads_at(&seen), 0); /* not known yet */
	pass_ms(200);
	assert_int_equal(reads_at(&seen), 1);
	assert_int_equal(stats().behind, 4);
}

/* What the result cache remembers of other sessions' writes. */
static void reads_that_must_show_a_time(void **state)
{
	struct orm_routed routed;
	uint64_t wrote_ns;

	(void)state;
	make(2, &fake_clock);
	fake_pass_ms(1);
	wrote_ns = fake_now;
	assert_int_equal(orm_route_read(route, NULL, wrote_ns, -1, &routed, &err), 0);
	assert_int_equal(routed.member, 0);
	orm_route_give_back(route, &routed, 0);
	pass_ms(200);
	assert_int_equal(orm_route_read(route, NULL, wrote_ns, -1, &routed, &err), 0);
	assert_int_equal(routed.member, 1);
	orm_route_give_back(route, &routed, 0);
}

static void a_learned_position_is_enough(void **state)
{
	struct orm_seen seen = {0};
	struct orm_routed routed;

	(void)state;
	make(2, &fake_clock);
	fake_servers[0].lsn += 50;
	assert_int_equal(orm_route_write(route, -1, &routed, &err), 0);
	orm_route_wrote(route, &seen);
	assert_int_equal(orm_route_learn(route, &routed, &seen, &err), 0);
	orm_route_give_back(route, &routed, 0);
	fake_servers[0].lsn += 100; /* others write on */
	pass_ms(200);
	assert_int_equal(reads_at(&seen), 0);
	fake_servers[1].lsn += 49;
	pass_ms(200);
	assert_int_equal(reads_at(&seen), 0);
	fake_servers[1].lsn += 1;
	pass_ms(200);
	assert_int_equal(reads_at(&seen), 1); /* behind the primary, but not behind us */
	orm_route_wrote(route, &seen);
	assert_int_equal(reads_at(&seen), 0); /* the next write forgets what was learned */
}

static void too_far_behind(void **state)
{
	(void)state;
	make(2, &fake_clock);
	fake_servers[0].lsn += 10;
	pass_ms(9800);
	assert_int_equal(reads_at(NULL), 1);
	assert_true(stats().lag_ns >= 9800 * ORM_NS_PER_MS);
	pass_ms(600);
	assert_int_equal(reads_at(NULL), 0);
	assert_int_equal(stats().replicas, 0);
	all_replay();
	pass_ms(200);
	assert_int_equal(reads_at(NULL), 1);
}

static void a_lost_replica_is_left_out(void **state)
{
	(void)state;
	make(2, &fake_clock);
	assert_int_equal(reads_at(NULL), 1);
	fake_servers[1].down = true;
	fake_pass_ms(6000); /* so that it is asked */
	assert_int_equal(reads_at(NULL), 0);
	assert_int_equal(stats().fallbacks, 1);
	pass_ms(1000);
	for (int i = 0; i < 10; i++)
		assert_int_equal(reads_at(NULL), 0);
	assert_int_equal(stats().fallbacks, 1);
	fake_servers[1].down = false;
	pass_ms(12000); /* the longest pause of the survey, and one survey */
	assert_int_equal(reads_at(NULL), 1);
}

static void a_replica_that_broke_is_asked_first(void **state)
{
	struct orm_routed routed;

	(void)state;
	make(2, &fake_clock);
	assert_int_equal(orm_route_read(route, NULL, 0, -1, &routed, &err), 0);
	assert_int_equal(routed.member, 1);
	fake_of(routed.pooled->conn)->head.broken = true;
	assert_false(orm_route_give_back(route, &routed, ORM_E_CONNECTION));
	assert_int_equal(reads_at(NULL), 0);
	pass_ms(200);
	assert_int_equal(reads_at(NULL), 1);
}

/* The slow one gets less; and its share again when it has recovered. */
static void by_latency(void **state)
{
	unsigned seen[SERVERS] = {0};

	(void)state;
	make(3, &fake_clock);
	fake_servers[1].answer_ns = 40 * ORM_NS_PER_MS;
	fake_servers[2].answer_ns = ORM_NS_PER_MS;
	pass_ms(4000);
	for (int i = 0; i < 1000; i++)
		seen[reads_at(NULL)]++;
	assert_int_equal(seen[2], 1000);
	fake_servers[1].answer_ns = 0;
	pass_ms(20000); /* nobody reads there, and still it is found */
	for (int i = 0; i < 1000; i++)
		seen[reads_at(NULL)]++;
	assert_int_equal(seen[1], 1000);
	for (int i = 0; i < 200; i++) { /* reads that are slow count too */
		struct orm_routed routed;

		assert_int_equal(orm_route_read(route, NULL, 0, -1, &routed, &err), 0);
		orm_route_took(route, &routed, (routed.member == 1 ? 50 : 2) * ORM_NS_PER_MS);
		orm_route_give_back(route, &routed, 0);
	}
	assert_int_equal(reads_at(NULL), 2);
}

static void busy_replicas_do_not_spill(void **state)
{
	struct orm_routed routed[9];
	unsigned seen[SERVERS] = {0};

	(void)state;
	make(3, &fake_clock);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(orm_route_read(route, NULL, 0, -1, &routed[i], &err), 0);
		seen[routed[i].member]++;
	}
	assert_int_equal(seen[1], 4);
	assert_int_equal(seen[2], 4);
	assert_int_equal(orm_route_read(route, NULL, 0, 100, &routed[8], &err), ORM_E_BUSY);
	for (int i = 0; i < 8; i++)
		orm_route_give_back(route, &routed[i], 0);
	assert_int_equal(fake_servers[0].opens, 1); /* the survey's */
}

/* ---- failover ---- */

static void promote(unsigned who, unsigned timeline)
{
	fake_servers[who].in_recovery = false;
	fake_servers[who].timeline = timeline;
}

static void demoted_and_promoted(void **state)
{
	struct orm_seen seen = {0};
	struct orm_routed routed;

	(void)state;
	make(3, &fake_clock);
	orm_route_wrote(route, &seen);
	fake_pass_ms(150);
	assert_int_equal(orm_route_write(route, -1, &routed, &err), 0);
	fake_servers[0].in_recovery = true;
	promote(2, 2);
	assert_true(orm_route_give_back(route, &routed, ORM_E_READ_ONLY));
	assert_int_equal(orm_route_primary(route), 2);
	assert_int_equal(writes_at(), 2);
	assert_int_equal(reads_at(&seen), 2); /* the others must be asked again */
	assert_int_equal(stats().failovers, 1);
	pass_ms(400);
	assert_in_range(reads_at(&seen), 0, 1);
	assert_int_equal(stats().replicas, 2);
}

static void a_lost_primary(void **state)
{
	struct orm_routed routed;

	(void)state;
	make(3, &fake_clock);
	assert_int_equal(writes_at(), 0);
	fake_servers[0].down = true;
	fake_pass_ms(6000);
	assert_int_equal(orm_route_write(route, -1, &routed, &err), ORM_E_CONNECTION);
	assert_in_range(reads_at(NULL), 1, 2); /* nobody was promoted; they may be read */
	promote(1, 2);
	fake_pass_ms(150);
	assert_int_equal(writes_at(), 1);
	fake_servers[0].down = false; /* comes back, and thinks that it is the primary */
	pass_ms(15000);
	assert_int_equal(writes_at(), 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(reads_at(NULL), 2);
	assert_int_equal(stats().failovers, 1);
	fake_servers[0].in_recovery = true;
	pass_ms(400);
	assert_int_equal(stats().replicas, 2);
}

/* The housekeeping alone finds it; and of two that accept writes the later one. */
static void the_highest_timeline(void **state)
{
	(void)state;
	make(3, &fake_clock);
	promote(1, 2);
	promote(2, 3);
	pass_ms(400);
	assert_int_equal(writes_at(), 2);
	assert_int_equal(stats().failovers, 1);
	assert_int_equal(stats().replicas, 0);
	assert_int_equal(reads_at(NULL), 2);
}

/* Behind one address there is another server now. */
static void another_timeline_at_the_same_address(void **state)
{
	struct orm_seen seen = {0};
	struct orm_routed routed;

	(void)state;
	make(2, &fake_clock);
	assert_int_equal(orm_route_write(route, -1, &routed, &err), 0);
	fake_servers[0].lsn = 2000;
	orm_route_wrote(route, &seen);
	assert_int_equal(orm_route_learn(route, &routed, &seen, &err), 0);
	orm_route_give_back(route, &routed, 0);
	fake_pass_ms(1);
	pass_ms(200); /* its position after the write is known, and not replayed */
	assert_int_equal(reads_at(&seen), 0);
	fake_servers[0].timeline = 2;
	fake_servers[0].lsn = 3000;
	fake_servers[1].lsn = 2500; /* of which timeline? */
	pass_ms(200);
	assert_int_equal(reads_at(&seen), 0);
	fake_servers[1].lsn = 3000;
	pass_ms(400);
	assert_int_equal(reads_at(&seen), 1);
	assert_int_equal(stats().failovers, 1);
}

/* A standby ahead of our primary follows another one. */
static void a_strange_standby_is_not_read(void **state)
{
	(void)state;
	make(2, &fake_clock);
	assert_int_equal(reads_at(NULL), 1);
	fake_servers[1].lsn = 5000;
	pass_ms(400);
	assert_int_equal(reads_at(NULL), 0);
	fake_servers[0].lsn = 6000;
	pass_ms(400);
	assert_int_equal(reads_at(NULL), 1);
}

/*
 * 200,000 random steps: a session writes, reads, time passes, replicas replay, all of it also in
 * the middle of the survey's questions. Every read must show the session's writes, and what was
 * committed lag_max_ms before.
 */
static struct orm_random dice;
static uint64_t commit_ns[1 << 18]; /* when position i was reached */

static struct orm_seen seen_by[4];
static uint64_t wrote_by[4];

static void write_as(unsigned me)
{
	if (fake_servers[0].lsn + 1 >= ARRAY_LEN(commit_ns))
		return;
	wrote_by[me] = ++fake_servers[0].lsn;
	commit_ns[wrote_by[me]] = fake_now;
	orm_route_wrote(route, &seen_by[me]);
	atomic_fetch_add(&fake_now, 1000);
}

static void world_goes_on(void)
{
	uint64_t n = orm_random_upto(&dice, 3);

	for (; n && fake_servers[0].lsn + 1 < ARRAY_LEN(commit_ns); n--) {
		commit_ns[++fake_servers[0].lsn] = fake_now;
		atomic_fetch_add(&fake_now, 1000);
	}
	if (route && !orm_random_upto(&dice, 20)) /* in the middle of a question, too */
		write_as(3);
	for (int i = 1; i < SERVERS; i++) {
		uint64_t gap = fake_servers[0].lsn - fake_servers[i].lsn;

		/* The second one stands still for long. */
		if (i == 1 || (fake_now >> 34) % 2)
			fake_servers[i].lsn += orm_random_upto(&dice, gap < 5 ? gap : 5);
	}
}

static void never_less_than_written(void **state)
{
	uint64_t on_replica = 0;

	(void)state;
	orm_random_init(&dice, 42);
	for (int i = 0; i < SERVERS; i++) {
		fake_servers[i].lsn = 1;
		fake_servers[i].on_answer = world_goes_on;
		fake_servers[i].answer_ns = 300000;
	}
	make(3, &fake_clock);
	for (int step = 0; step < 200000; step++) {
		unsigned me = (unsigned)orm_random_upto(&dice, 3);
		uint64_t what = orm_random_upto(&dice, 19), shown, now;
		struct orm_routed routed;

		if (what == 0) {
			atomic_fetch_add(&fake_now, orm_random_upto(&dice, ORM_NS_PER_S / 4));
			orm_route_tend(route, fake_now);
		} else if (what == 1) {
			write_as(me);
			if (orm_random_upto(&dice, 1)) {
				assert_int_equal(orm_route_write(route, -1, &routed, &err), 0);
				assert_int_equal(
					orm_route_learn(route, &routed, &seen_by[me], &err), 0);
				orm_route_give_back(route, &routed, 0);
			}
		} else if (what < 8) {
			world_goes_on();
		} else {
			assert_int_equal(orm_route_read(route, &seen_by[me], 0, -1, &routed, &err),
					 0);
			now = fake_now;
			shown = fake_servers[routed.member].lsn;
			orm_route_give_back(route, &routed, 0);
			on_replica += routed.member != 0;
			assert_true(shown >= wrote_by[me]);
			if (shown < fake_servers[0].lsn)
				assert_true(commit_ns[shown + 1] + 10 * ORM_NS_PER_S >=
					    now - ORM_NS_PER_MS);
		}
	}
	print_message("# %u of %u reads on replicas, position %u\n", (unsigned)on_replica,
		      (unsigned)(stats().on_primary + stats().on_replica),
		      (unsigned)fake_servers[0].lsn);
	assert_true(on_replica > 20000 && stats().on_primary > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_server),
		CASE(reads_on_replicas),
		CASE(own_writes_are_read),
		CASE(reads_that_must_show_a_time),
		CASE(a_learned_position_is_enough),
		CASE(too_far_behind),
		CASE(a_lost_replica_is_left_out),
		CASE(a_replica_that_broke_is_asked_first),
		CASE(by_latency),
		CASE(busy_replicas_do_not_spill),
		CASE(demoted_and_promoted),
		CASE(a_lost_primary),
		CASE(the_highest_timeline),
		CASE(another_timeline_at_the_same_address),
		CASE(a_strange_standby_is_not_read),
		CASE(never_less_than_written),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
