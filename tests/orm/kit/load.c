/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include <tests/orm/kit/load.h>

struct worker {
	struct load *load;
	struct orm_session *s;
	int32_t id;
};

int64_t load_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void load_sleep_ms(int64_t ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

/* The first is the one that is told. */
static void fault(struct worker *w, const char *what, const struct deed_plan *plan, int class)
{
	if (__atomic_exchange_n(&w->load->bad, true, __ATOMIC_SEQ_CST))
		return;
	snprintf(w->load->fault, sizeof(w->load->fault),
		 "deed %" PRId64 " (way %d, %d rows) of writer %d: %s %s: %.120s", plan->seq,
		 (int)plan->way, (int)plan->parts, (int)w->id, what, orm_class_name(class),
		 class ? orm_error(w->s)->text : "");
}

static bool may_be_told(const struct load *load, int class)
{
	return !class || (class > 0 && load->may_fail >> class & 1);
}

static void note_time(struct load *load, int class, int64_t ms)
{
	uint64_t *longest = &load->longest_ms[class > 0 && class < ORM_CLASS_COUNT ? class : 0];

	/* Two at once may lose one of them: only large ones matter. */
	if (ms > 0 && (uint64_t)ms > __atomic_load_n(longest, __ATOMIC_RELAXED))
		__atomic_store_n(longest, (uint64_t)ms, __ATOMIC_RELAXED);
}

static void read_back(struct worker *w, const struct deed_plan *plan)
{
	const struct orm_table *table = plan->keyed ? T(deed) : T(note);
	struct orm_query *q = orm_select(w->s, table);
	struct orm_value n;
	int r;

	orm_columns(q, orm_count_all());
	orm_where(q, orm_and(orm_eq(orm_named(table, "writer"), plan->writer),
			     orm_eq(orm_named(table, "seq"), plan->seq)));
	r = orm_value(w->s, q, &n);
	orm_query_free(q);
	if (!r && n.i != plan->parts)
		fault(w, "does not see its rows", plan, 0);
	else if (!may_be_told(w->load, r))
		fault(w, "was told, when it read,", plan, r);
	if (!r)
		__atomic_fetch_add(&w->load->read_back, 1, __ATOMIC_RELAXED);
}

static void *write_on(void *data)
{
	struct worker *w = data;
	struct load *load = w->load;
	uint64_t random = (uint64_t)(w->id + 1) << 40;

	for (int64_t seq = 1; !__atomic_load_n(&load->stop, __ATOMIC_RELAXED); seq++) {
		struct deed_plan plan = deed_draw(&random, w->id, seq, load->ways);
		int64_t begin = load_now_ms();
		int r;

		plan.durable |= load->durable;
		r = ledger_do(&load->ledger, w->s, &plan);
		note_time(load, r, load_now_ms() - begin);
		if (!may_be_told(load, r))
			fault(w, "was told", &plan, r);
		if (!r && __atomic_load_n(&load->reads, __ATOMIC_RELAXED) &&
		    deed_random(&random) % 4 == 0)
			read_back(w, &plan);
		if (r)
			load_sleep_ms(5);
		else if (load->pause_us)
			usleep((useconds_t)(deed_random(&random) % load->pause_us));
	}
	orm_session_close(w->s);
	free(w);
	return NULL;
}

void load_start(struct load *load, const struct orm_options *options, const char *url)
{
	struct orm_error error;

	ledger_init(&load->ledger);
	if (orm_open(url, options, &load->orm, &error))
		fail_msg("cannot open: %s", error.text);
	for (int32_t i = 0; i < LOAD_THREADS; i++) {
		struct worker *w = calloc(1, sizeof(*w));

		assert_non_null(w);
		w->load = load;
		w->id = load->first + i;
		assert_int_equal(orm_session_open(load->orm, &w->s), 0);
		assert_int_equal(pthread_create(&load->threads[i], NULL, write_on, w), 0);
		load->started++;
	}
}

void load_stop(struct load *load)
{
	__atomic_store_n(&load->stop, true, __ATOMIC_RELAXED);
	while (load->started)
		pthread_join(load->threads[--load->started], NULL);
	if (load->bad)
		fail_msg("%s", load->fault);
}

void load_close(struct load *load)
{
	orm_close(load->orm);
	ledger_deinit(&load->ledger);
}

uint64_t load_told(struct load *load, int class)
{
	uint64_t n;

	pthread_mutex_lock(&load->ledger.lock);
	n = load->ledger.by_class[class];
	pthread_mutex_unlock(&load->ledger.lock);
	return n;
}

int64_t load_wait(struct load *load, uint64_t writes, int64_t most_ms)
{
	int64_t begin = load_now_ms();
	uint64_t from = load_told(load, 0);

	while (load_told(load, 0) < from + writes) {
		if (load_now_ms() - begin > most_ms)
			fail_msg("%" PRIu64 " of %" PRIu64 " writes within %" PRId64 " ms",
				 load_told(load, 0) - from, writes, most_ms);
		load_sleep_ms(2);
	}
	return load_now_ms() - begin;
}
