/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include <orm/base/meter.h>

#define FIRST_OCTAVE 10 /* 1024 ns */
#define LAST_OCTAVE 35	/* up to 2^36 ns */

_Static_assert(ORM_LATENCY_BUCKETS == 2 + (LAST_OCTAVE - FIRST_OCTAVE + 1) * 8, "buckets");
_Static_assert(sizeof(struct orm_meter_copy) % 64 == 0, "copies share no cache line");

/* Over the lists of tallies of all meters: taken when a session opens or closes, and by readers. */
static pthread_mutex_t tallies_lock = PTHREAD_MUTEX_INITIALIZER;

static struct orm_meter_copy *mine(struct orm_meter *m)
{
	static _Atomic(unsigned) threads;
	static _Thread_local unsigned number; /* from 1; 0: none yet */

	if (!number)
		number = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) %
				     ORM_METER_COPIES;
	return &m->copy[number - 1];
}

static void add(_Atomic(uint64_t) *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t get(const _Atomic(uint64_t) *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void orm_meter_add(struct orm_meter *m, enum orm_meter_id id, uint64_t n)
{
	add(&mine(m)->counter[id], n);
}

void orm_meter_join(struct orm_meter *m, struct orm_tally *tally)
{
	tally->meter = m;
	if (!m)
		return;
	pthread_mutex_lock(&tallies_lock);
	tally->prev = NULL;
	tally->next = m->tallies;
	if (m->tallies)
		m->tallies->prev = tally;
	m->tallies = tally;
	pthread_mutex_unlock(&tallies_lock);
}

void orm_meter_leave(struct orm_tally *tally)
{
	struct orm_meter *m = tally->meter;

	if (!m)
		return;
	pthread_mutex_lock(&tallies_lock);
	for (unsigned i = 0; i < ORM_METER_COUNT; i++)
		orm_meter_add(m, i, get(&tally->counter[i]));
	*(tally->prev ? &tally->prev->next : &m->tallies) = tally->next;
	if (tally->next)
		tally->next->prev = tally->prev;
	pthread_mutex_unlock(&tallies_lock);
}

void orm_meter_error(struct orm_meter *m, int class)
{
	if (class < 0 || class >= ORM_CLASS_COUNT)
		add(&mine(m)->counter[ORM_M_errors_system], 1);
	else if (class != ORM_E_OK && class != ORM_E_END)
		add(&mine(m)->error[class], 1);
}

static unsigned bucket_of(uint64_t ns)
{
	unsigned octave;

	if (ns < 1U << FIRST_OCTAVE)
		return 0;
	octave = 63 - (unsigned)__builtin_clzll(ns);
	if (octave > LAST_OCTAVE)
		return ORM_LATENCY_BUCKETS - 1;
	return 1 + (octave - FIRST_OCTAVE) * 8 + ((unsigned)(ns >> (octave - 3)) & 7);
}

void orm_meter_took(struct orm_meter *m, enum orm_meter_latency which, uint64_t ns)
{
	struct orm_meter_copy *copy = mine(m);

	add(&copy->latency[which].sum_ns, ns);
	add(&copy->latency[which].bucket[bucket_of(ns)], 1);
}

uint64_t orm_latency_end_ns(unsigned bucket)
{
	unsigned octave;

	if (!bucket)
		return 1U << FIRST_OCTAVE;
	if (bucket >= ORM_LATENCY_BUCKETS - 1)
		return UINT64_MAX;
	octave = FIRST_OCTAVE + (bucket - 1) / 8;
	return (UINT64_C(9) + (bucket - 1) % 8) << (octave - 3);
}

uint64_t orm_latency_of(const struct orm_latency *latency, unsigned per_mille)
{
	/* How many are not above it; at least one. */
	uint64_t want = MAX(latency->count / 1000 * per_mille +
				    (latency->count % 1000 * per_mille + 999) / 1000,
			    1);
	uint64_t seen = 0;

	for (unsigned i = 0; i < ORM_LATENCY_BUCKETS && latency->count; i++) {
		seen += latency->bucket[i];
		if (seen >= want)
			return orm_latency_end_ns(i);
	}
	return 0;
}

static void read_latency(const struct orm_meter *m, unsigned which, struct orm_latency *to)
{
	*to = (struct orm_latency){0};
	for (unsigned c = 0; c < ORM_METER_COPIES; c++) {
		to->sum_ns += get(&m->copy[c].latency[which].sum_ns);
		for (unsigned i = 0; i < ORM_LATENCY_BUCKETS; i++)
			to->bucket[i] += get(&m->copy[c].latency[which].bucket[i]);
	}
	for (unsigned i = 0; i < ORM_LATENCY_BUCKETS; i++)
		to->count += to->bucket[i];
}

static uint64_t sum_of(const struct orm_meter *m, enum orm_meter_id id)
{
	uint64_t sum = 0;

	for (unsigned c = 0; c < ORM_METER_COPIES; c++)
		sum += get(&m->copy[c].counter[id]);
	for (const struct orm_tally *t = m->tallies; t; t = t->next)
		sum += get(&t->counter[id]);
	return sum;
}

void orm_meter_read(const struct orm_meter *m, struct orm_stats *to)
{
#define READ(name, kind, unit, help) to->name = sum_of(m, ORM_M_##name);
	pthread_mutex_lock(&tallies_lock);
	ORM_STATS_RUN(READ)
	pthread_mutex_unlock(&tallies_lock);
#undef READ
	for (unsigned i = 0; i < ORM_CLASS_COUNT; i++) {
		to->errors[i] = 0;
		for (unsigned c = 0; c < ORM_METER_COPIES; c++)
			to->errors[i] += get(&m->copy[c].error[i]);
	}
	read_latency(m, ORM_M_READS, &to->reads);
	read_latency(m, ORM_M_WRITES, &to->writes);
}
