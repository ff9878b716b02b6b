/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard as a program holds it: judge, count, report. Immutable but for counters, which are
 * atomic, and the table of clients, which locks itself; a report is made with no lock held.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <orm/guard/guard.h>
#include <orm/guard/rate.h>
#include <strazh/base/own.h>

#define CLIENTS_DEFAULT 4096U
#define CLIENTS_MAX (1U << 20)
#define RATE_MAX 1000000000LL
#define SHAPES_MAX 256 /* above it the set of shapes is too small to tell them apart */
#define MS_MAX 86400000LL
#define MS_NS 1000000LL
#define FUNCTIONS_MAX 65536U

static const char *const signal_names[] = {
#define SIGNAL_NAME(NAME, signal) signal,
	ORM_GUARD_SIGNALS(SIGNAL_NAME)
#undef SIGNAL_NAME
};
static const char *const rate_texts[] = {
#define RATE_TEXT(name, value, text) text,
	ORM_GUARD_RATES(RATE_TEXT)
#undef RATE_TEXT
};

const char *orm_guard_signal_name(enum orm_guard_signal signal)
{
	return signal < ORM_SIGNAL_COUNT ? signal_names[signal] : "?";
}

static int64_t monotonic_ns(void *data)
{
	struct timespec t;

	(void)data;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* 0 is the default, -1 is none where `may_be_off`; false: out of bounds. */
static bool resolve(int64_t asked, int64_t usual, int64_t most, bool may_be_off, int64_t *ret_value)
{
	if (asked == -1 && may_be_off) {
		*ret_value = 0;
		return true;
	}
	*ret_value = asked ? asked : usual;
	return *ret_value > 0 && *ret_value <= most;
}

static bool resolve_rates(const struct orm_guard_options *o, struct guard_rates_config *c)
{
	const int64_t asked[] = {
#define RATE_ASKED(name, value, text) o->name,
		ORM_GUARD_RATES(RATE_ASKED)
#undef RATE_ASKED
	};
	static const int64_t usual[] = {
#define RATE_USUAL(name, value, text) value,
		ORM_GUARD_RATES(RATE_USUAL)
#undef RATE_USUAL
	};
	int64_t burst_ms, repeat_ms;

	for (unsigned i = 0; i < ORM_RATE_COUNT; i++)
		if (!resolve(asked[i], usual[i], i == ORM_RATE_shapes ? SHAPES_MAX : RATE_MAX, true,
			     &c->a_second[i]))
			return false;
	if (!resolve(o->burst_ms, 2000, MS_MAX, false, &burst_ms) ||
	    !resolve(o->repeat_ms, 1000, MS_MAX, false, &repeat_ms))
		return false;
	c->burst_ns = burst_ms * MS_NS;
	c->repeat_ns = repeat_ms * MS_NS;
	c->clients = o->clients ? o->clients : CLIENTS_DEFAULT;
	return c->clients <= CLIENTS_MAX;
}

static bool is_sound(const struct orm_guard_options *o)
{
	return !(o->contexts & ~ORM_GUARD_ANY) && o->threshold >= 0 && o->threshold <= 1 &&
	       (!o->functions || strlen(o->functions) <= FUNCTIONS_MAX);
}

struct orm_guard *orm_guard_new(const struct orm_guard_options *options)
{
	static const struct orm_guard_options none;
	const struct orm_guard_options *o = options ? options : &none;
	struct guard_rates_config config;
	struct orm_guard *g;

	if (!is_sound(o) || !resolve_rates(o, &config)) {
		errno = EINVAL;
		return NULL;
	}
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->contexts = o->contexts ? o->contexts : ORM_GUARD_ANY;
	g->threshold = o->threshold > 0 ? o->threshold : ORM_GUARD_THRESHOLD;
	g->report = o->report;
	g->data = o->data;
	g->now_ns = o->now_ns ? o->now_ns : monotonic_ns;
	g->functions = o->functions ? strdup(o->functions) : NULL;
	g->rates = guard_rates_new(&config);
	if (!g->rates || (o->functions && !g->functions)) {
		orm_guard_free(g);
		errno = ENOMEM;
		return NULL;
	}
	return g;
}

void orm_guard_free(struct orm_guard *g)
{
	if (!g)
		return;
	guard_rates_free(g->rates);
	free(g->functions);
	free(g);
}

void guard_report(const struct orm_guard *g, const struct orm_guard_report *report)
{
	if (g->report)
		g->report(g->data, report);
}

void orm_guard_counters(const struct orm_guard *g, struct orm_guard_counters *ret_counters)
{
	struct orm_guard_counters c;

#define COUNTER_READ(name, text)                                                                   \
	c.name = atomic_load_explicit(&g->totals.name, memory_order_relaxed);
	ORM_GUARD_COUNTERS(COUNTER_READ)
#undef COUNTER_READ
	for (unsigned i = 0; i < ORM_GUARD_CLASS_COUNT; i++)
		c.classes[i] = atomic_load_explicit(&g->totals.classes[i], memory_order_relaxed);
	*ret_counters = c;
}

bool orm_guard_value(struct orm_guard *g, uint64_t client, const void *text, size_t len,
		     struct orm_guard_finding *ret_finding)
{
	struct orm_guard_finding f;

	orm_guard_inspect(text, len, g->contexts, g->threshold, &f);
	guard_add(&g->totals.values, 1);
	guard_add(&g->totals.value_bytes, len);
	if (f.injection) {
		struct orm_guard_report report = {
			.signal = ORM_SIGNAL_INJECTION,
			.client = client,
			.text = text,
			.len = len,
			.finding = &f,
			.why = f.reason,
		};

		guard_add(&g->totals.injections, 1);
		guard_add(&g->totals.classes[f.class], 1);
		guard_report(g, &report);
	}
	if (ret_finding)
		*ret_finding = f;
	return f.injection;
}

static void report_flood(const struct orm_guard *g, uint64_t client, unsigned over)
{
	char why[128] = "";
	size_t n = 0;

	for (unsigned i = 0; i < ORM_RATE_COUNT && n < sizeof(why); i++)
		if (over >> i & 1)
			n += (size_t)snprintf(why + n, sizeof(why) - n, "%s%s",
					      n ? ", " : "above its rate of ", rate_texts[i]);
	guard_report(g, &(struct orm_guard_report){
				.signal = ORM_SIGNAL_FLOOD,
				.client = client,
				.why = why,
				.rates = over,
			});
}

unsigned orm_guard_count(struct orm_guard *g, uint64_t client, const struct orm_guard_use *use)
{
	struct guard_rates_verdict verdict;

	if (!client)
		return 0;
	guard_rates_count(g->rates, client, use, g->now_ns(g->data), &verdict);
	guard_add(&g->totals.counted, 1);
	if (verdict.evicted)
		guard_add(&g->totals.clients_evicted, 1);
	if (verdict.over)
		guard_add(&g->totals.over, 1);
	if (verdict.report) {
		guard_add(&g->totals.floods, 1);
		report_flood(g, client, verdict.over);
	}
	return verdict.over;
}
