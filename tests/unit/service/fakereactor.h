/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The second half of fakehost.h, which includes it: mailboxes, and the life of a world. */
#ifndef TESTS_UNIT_SERVICE_FAKEREACTOR_H
#define TESTS_UNIT_SERVICE_FAKEREACTOR_H

static uint64_t fake_now(const struct service_host *host)
{
	(void)host;
	return __atomic_load_n(&world.now_ms, __ATOMIC_RELAXED);
}

static int fake_post(struct service_host *host, unsigned to, struct posted *posted)
{
	struct reactor *r = &world.reactors[to];
	int result = -EAGAIN;

	(void)host;
	pthread_mutex_lock(&r->lock);
	if (r->waiting < r->most) {
		posted->next = NULL;
		*r->last = posted;
		r->last = &posted->next;
		r->waiting++;
		result = 0;
	}
	pthread_mutex_unlock(&r->lock);
	return result;
}

/* One call of the mailbox; false: there was none. */
static inline bool reactor_step(unsigned n)
{
	struct reactor *r = &world.reactors[n];
	struct posted *posted;

	pthread_mutex_lock(&r->lock);
	posted = r->first;
	if (posted) {
		r->first = posted->next;
		if (!r->first)
			r->last = &r->first;
		r->waiting--;
	}
	pthread_mutex_unlock(&r->lock);
	if (posted)
		posted->run(posted, &r->host);
	return posted != NULL;
}

/* All reactors, until none has anything to do. */
static inline void world_turn(void)
{
	bool any = true;

	while (any) {
		any = false;
		for (unsigned i = 0; i < world.count; i++)
			while (reactor_step(i))
				any = true;
	}
}

static inline void reactor_init(unsigned n)
{
	struct reactor *r = &world.reactors[n];

	*r = (struct reactor){
		.host = {.reactor = n,
			 .reactors = world.count,
			 .now_ms = fake_now,
			 .post = fake_post},
		.last = &r->first,
		.most = 1U << 30,
	};
	pthread_mutex_init(&r->lock, NULL);
	kit_busy++;
	if (loop_new(&r->host.loop))
		abort();
	kit_busy--;
}

static inline void world_close(void)
{
	world_turn();
	for (unsigned i = 0; i < world.count; i++)
		if (world.reactors[i].instance)
			world.ops->stop(world.reactors[i].instance);
	for (unsigned i = 0; i < world.count; i++)
		loop_free(world.reactors[i].host.loop);
	if (world.shared)
		world.ops->close(world.shared);
	world.shared = NULL;
}

/* 0, or what open() or start() said; then there is no world. */
static inline int world_try(const struct service_ops *ops, unsigned reactors,
			    const struct service_setting *settings, size_t count)
{
	struct service_config config = {settings, count};
	char why[SERVICE_WHY_LEN] = "";
	void *shared;
	int r;

	world.count = reactors;
	world.ops = ops;
	world.now_ms = 1000000;
	for (unsigned i = 0; i < reactors; i++)
		reactor_init(i);
	r = ops->open(&config, &shared, why);
	if (!r)
		world.shared = shared;
	if (why[0])
		fprintf(stderr, "# %s\n", why);
	for (unsigned i = 0; i < reactors && !r; i++) {
		void *instance;

		r = ops->start(&world.reactors[i].host, shared, &instance);
		if (!r)
			world.reactors[i].instance = instance;
	}
	if (r)
		world_close();
	return r;
}

static inline void world_open(const struct service_ops *ops, unsigned reactors,
			      const struct service_setting *settings, size_t count)
{
	if (world_try(ops, reactors, settings, count))
		abort();
}

/* The sum of all reactors. */
static inline uint64_t world_count(const char *name)
{
	struct service_counter counters[64];
	uint64_t sum = 0;

	for (unsigned i = 0; i < world.count; i++) {
		size_t n = world.ops->counters(world.reactors[i].instance, 64, counters);
		bool found = false;

		for (size_t c = 0; c < n; c++)
			if (!strcmp(counters[c].name, name)) {
				sum += counters[c].value;
				found = true;
			}
		if (!found)
			abort();
	}
	return sum;
}

#endif
