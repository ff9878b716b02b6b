/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Handshakes that the crypto pool computes: the same as the others, and whatever happens meanwhile
 * ends well. A house with helpers gives them all of its handshakes; `plug` keeps its only helper
 * busy for as long as a test wants, so that handshakes stay under way.
 */
#include <tests/server/house.h>
#include <tests/server/raw.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <user/server/parts.h>

/* ---- a helper that is busy ---- */

struct plug {
	struct workpool_job job;
	sem_t begun, go;
};

static void plug_run(struct workpool_job *job, struct crypto *crypto)
{
	struct plug *plug = (struct plug *)(void *)job;

	(void)crypto;
	sem_post(&plug->begun);
	while (sem_wait(&plug->go))
		;
}

static void plug_in(struct plug *plug, struct house *h)
{
	*plug = (struct plug){.job.run = plug_run};
	sem_init(&plug->begun, 0, 0);
	sem_init(&plug->go, 0, 0);
	assert_int_equal(workpool_put(h->pool, &plug->job), 0);
	while (sem_wait(&plug->begun))
		;
}

static void plug_out(struct plug *plug, struct house *h)
{
	sem_post(&plug->go);
	assert_false(workpool_settle(h->pool, &plug->job));
	sem_destroy(&plug->begun);
	sem_destroy(&plug->go);
}

/* ---- the same handshakes ---- */

static void each_suite(void **state)
{
	static const char *const names[] = {"NK1", "XK1", "NX", "XX"};
	uint8_t secret[32], public[32];
	struct house house;

	(void)state;
	house_open(&house, &(struct house_plan){.reactors = 2, .helpers = 2});
	assert_int_equal(dh_generate(house.crypto, secret, public), 0);
	for (unsigned i = 0; i < 4 * 5; i++) {
		struct strazh_options options = house_options(&house);
		struct strazh_about about;
		struct strazh *client;

		if (i % 4 >= 2) {
			options.server_key = NULL;
			options.root_key = house.root;
		}
		if (i % 2)
			options.client_key = secret;
		client = house_client(&house, &options);
		for (uint32_t n = 1; n <= 5; n++)
			assert_int_equal(house_echo(client, n, 64, 10000), 0);
		strazh_about(client, &about);
		assert_string_equal(about.suite, names[i % 4]);
		strazh_close(client);
	}
	assert_int_equal(HOUSE_COUNT(&house, answered), 20);
	assert_int_equal(HOUSE_COUNT(&house, pooled), 20);
	assert_int_equal(HOUSE_COUNT(&house, unshieldings), 20);
	assert_int_equal(house_failed(&house), 0);
	house_close(&house);
}

/* The ticket of one session opens the next. */
static void resumed(void **state)
{
	struct strazh_options options;
	struct strazh_about about;
	struct strazh *client;
	struct house house;

	(void)state;
	house_open(&house, &(struct house_plan){.helpers = 1});
	options = house_options(&house);
	options.reconnects = 3;
	client = house_client(&house, &options);
	assert_int_equal(house_echo(client, 1, 10, 10000), 0);
	house_down(&house); /* its sessions, not its keys */
	house_up(&house, &(struct house_plan){.helpers = 1});
	(void)!house_echo(client, 2, 10, 10000);
	assert_int_equal(house_echo(client, 3, 10, 10000), 0);
	strazh_about(client, &about);
	assert_true(about.resumed);
	assert_int_equal(HOUSE_COUNT(&house, resumed), 1);
	assert_int_equal(HOUSE_COUNT(&house, pooled), 1);
	assert_int_equal(HOUSE_COUNT(&house, unshieldings), 0);
	strazh_close(client);
	house_close(&house);
}

static uint64_t failed_by(const struct house *h, enum hs_condition condition)
{
	return house_count(h, offsetof(struct server_counters, handshake) +
				      condition * sizeof(_Atomic(uint64_t)));
}

/* What a hello can have wrong that only the answer finds out: X25519 with a key of low order. And
 * a suite that is not here. Their batch goes on without them. */
static void who_is_refused(void **state)
{
	struct raw *raws = calloc(3, sizeof(*raws));
	struct strazh_options options;
	struct strazh_error error;
	struct strazh *client;
	struct house house;
	struct plug plug;

	(void)state;
	assert_non_null(raws);
	house_open(&house, &(struct house_plan){.helpers = 1});
	plug_in(&plug, &house);
	for (unsigned i = 0; i < 3; i++) {
		raw_open(&raws[i], &house, PH_NK1);
		if (i == 1)
			memset(raws[i].hello + PH_FRAME_HEAD, 0, PH_KEY_LEN);
		raw_send(&raws[i], raws[i].hello, raws[i].hello_len);
	}
	HOUSE_WAIT(&house, hellos, 3);
	plug_out(&plug, &house);
	HOUSE_WAIT(&house, answered, 3);
	assert_int_equal(raw_rest(&raws[1]), 0);
	assert_int_equal(failed_by(&house, HS_LOW_ORDER), 1);
	assert_int_equal(house_failed(&house), 1);
	options = house_options(&house);
	options.demand_hybrid = true;
	if (!kem_available(house.crypto)) {
		assert_int_equal(strazh_open(&options, &client, &error), STRAZH_E_UNSUPPORTED);
		raw_close(&raws[1]);
		raw_open(&raws[1], &house, PH_NK1);
		raws[1].hello[1] |= PH_SUITE_HYBRID;
		raw_send(&raws[1], raws[1].hello, raws[1].hello_len);
		assert_int_equal(raw_rest(&raws[1]), 0);
		assert_int_equal(failed_by(&house, HS_NO_KEM), 1);
	} else {
		client = house_client(&house, &options);
		assert_int_equal(house_echo(client, 1, 64, 10000), 0);
		strazh_close(client);
	}
	for (unsigned i = 0; i < 3; i++)
		raw_close(&raws[i]);
	house_close(&house);
	free(raws);
}

/* ---- meanwhile ---- */

enum { CROWD = 60 };

static struct raw *crowd_of_hellos(struct house *h, uint8_t suite)
{
	struct raw *raws = calloc(CROWD, sizeof(*raws));

	assert_non_null(raws);
	for (unsigned i = 0; i < CROWD; i++) {
		raw_open(&raws[i], h, suite);
		raw_send(&raws[i], raws[i].hello, raws[i].hello_len);
	}
	HOUSE_WAIT(h, hellos, CROWD);
	return raws;
}

static void shake_rest(struct raw *raw)
{
	/* The hello is sent: what raw_shake() sends besides would be a second one. */
	raw->hello_len = 0;
	assert_true(raw_shake(raw));
}

static void crowd_close(struct raw *raws)
{
	for (unsigned i = 0; i < CROWD; i++)
		raw_close(&raws[i]);
	free(raws);
}

/* A reset: it is seen although nothing is read. */
static void break_off(struct raw *raw)
{
	const struct linger now = {.l_onoff = 1};

	assert_int_equal(setsockopt(raw->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(raw->fd);
	raw->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static bool half_is_left(const void *context)
{
	return sources_count(((const struct house *)context)->sources).total == CROWD / 2;
}

/* Every second connection ends while its handshake is with the pool. */
static void connections_end(void **state)
{
	struct house house;
	struct plug plug;
	struct raw *raws;

	(void)state;
	house_open(&house, &(struct house_plan){.helpers = 1});
	plug_in(&plug, &house);
	raws = crowd_of_hellos(&house, PH_NK1);
	assert_int_equal(HOUSE_COUNT(&house, answered), 0);
	for (unsigned i = 0; i < CROWD; i += 2)
		break_off(&raws[i]);
	assert_true(house_until(half_is_left, &house));
	plug_out(&plug, &house);
	for (unsigned i = 1; i < CROWD; i += 2) {
		shake_rest(&raws[i]);
		raw_seal_echo(&raws[i], 1, "abc", 3);
		raw_flush(&raws[i]);
		assert_true(raw_wait(&raws[i], 1));
	}
	assert_int_equal(HOUSE_COUNT(&house, answered), CROWD / 2);
	assert_int_equal(HOUSE_COUNT(&house, pooled), CROWD / 2);
	assert_int_equal(house_failed(&house), 0);
	crowd_close(raws);
	/* And every slot is free again: as many come in as there are. */
	house_quiet(&house);
	house_close(&house);
}

struct becoming {
	struct house *house;
	struct server_change *change;
	atomic_bool done;
};

static void become(void *receiver, void *item)
{
	struct becoming *b = item;

	if (receiver)
		server_change_take(b->house->servers[0], b->change);
	atomic_store(&b->done, true);
}

static bool is_done(const void *context)
{
	return atomic_load(&((struct becoming *)(uintptr_t)context)->done);
}

/* Those that have begun keep the identity of before, although nobody else has it any more. */
static void identity_is_replaced(void **state)
{
	struct becoming b = {0};
	struct identity *identity;
	struct house house;
	struct plug plug;
	struct raw *raws;

	(void)state;
	house_open(&house, &(struct house_plan){.helpers = 1});
	plug_in(&plug, &house);
	raws = crowd_of_hellos(&house, PH_NK1);
	b.house = &house;
	identity = house_identity(&house);
	assert_int_equal(server_change_new(identity, NULL, &house.common.limits, &b.change), 0);
	assert_int_equal(reactor_post(reactors_get(house.reactors, 0), become, &b), 0);
	assert_true(house_until(is_done, &b));
	identity_put(house.identity);
	house.identity = identity;
	plug_out(&plug, &house);
	for (unsigned i = 0; i < CROWD; i++)
		shake_rest(&raws[i]);
	assert_int_equal(HOUSE_COUNT(&house, pooled), CROWD);
	assert_int_equal(house_failed(&house), 0);
	crowd_close(raws);
	house_close(&house);
}

/* ---- the end ---- */

static void *let_go(void *arg)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	struct plug *plug = arg;

	nanosleep(&pause, NULL); /* most likely it is waited for by then */
	sem_post(&plug->go);
	return NULL;
}

/* The server ends with handshakes that wait for a thread, and with some that a thread is at. */
static void end_meanwhile(uint64_t drain_ms)
{
	struct house house;
	pthread_t thread;
	struct plug plug;
	struct raw *raws;

	house_open(&house, &(struct house_plan){.reactors = 2, .helpers = 1});
	plug_in(&plug, &house);
	raws = crowd_of_hellos(&house, PH_XK1);
	reactors_stop(house.reactors, drain_ms);
	assert_int_equal(reactors_join(house.reactors), 0);
	assert_int_equal(sources_count(house.sources).total, 0);
	assert_int_equal(HOUSE_COUNT(&house, answered), 0);
	assert_int_equal(pthread_create(&thread, NULL, let_go, &plug), 0);
	reactors_free(house.reactors);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(workpool_settle(house.pool, &plug.job));
	workpool_free(house.pool);
	sources_free(house.sources);
	house.reactors = NULL;
	for (unsigned i = 0; i < CROWD; i++)
		assert_int_equal(raw_rest(&raws[i]), 0);
	crowd_close(raws);
	house_free(&house);
}

static void end_at_once(void **state)
{
	(void)state;
	end_meanwhile(0);
}

static void end_in_order(void **state)
{
	(void)state;
	end_meanwhile(200);
}

/* With threads that work while it ends, at whatever they are at. */
static void end_at_work(void **state)
{
	struct house house;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct raw *raws = calloc(CROWD, sizeof(*raws));

		assert_non_null(raws);
		house_open(&house, &(struct house_plan){.helpers = 2, .mailbox_len = 2});
		for (unsigned i = 0; i < CROWD; i++)
			raw_open(&raws[i], &house, i % 2 ? PH_XK1 : PH_NK1);
		for (unsigned i = 0; i < CROWD; i++)
			raw_send(&raws[i], raws[i].hello, raws[i].hello_len);
		HOUSE_AT_LEAST(&house, hellos, round * 3);
		reactors_stop(house.reactors, 0);
		assert_int_equal(reactors_join(house.reactors), 0);
		assert_int_equal(sources_count(house.sources).total, 0);
		crowd_close(raws);
		house_free(&house);
	}
}

/* ---- bounds ---- */

/* A pool with room for one batch: what it does not take is the reactor's, and all are answered. */
static void a_full_queue(void **state)
{
	struct house house;
	struct plug plug;
	struct raw *raws;

	(void)state;
	house_open(&house, &(struct house_plan){.helpers = 1, .pool_queue = 1});
	plug_in(&plug, &house);
	raws = crowd_of_hellos(&house, PH_NK1);
	/* While the only helper is busy: all but what waits for it. */
	HOUSE_AT_LEAST(&house, answered, CROWD - BATCH);
	assert_true(HOUSE_COUNT(&house, pool_full) > 0);
	assert_int_equal(HOUSE_COUNT(&house, pooled), 0);
	assert_true(workpool_stats(house.pool).full > 0);
	plug_out(&plug, &house);
	for (unsigned i = 0; i < CROWD; i++)
		shake_rest(&raws[i]);
	assert_int_equal(HOUSE_COUNT(&house, answered), CROWD);
	assert_true(HOUSE_COUNT(&house, pooled) > 0);
	crowd_close(raws);
	house_close(&house);
}

struct cork {
	sem_t in, out;
};

static void cork_run(void *receiver, void *item)
{
	struct cork *cork = item;

	if (!receiver)
		return;
	sem_post(&cork->in);
	while (sem_wait(&cork->out))
		;
}

static void ignore(void *receiver, void *item)
{
	(void)receiver;
	(void)item;
}

/* The reminders of the pool find no room in the mailbox; the answers go out all the same. */
static void a_full_mailbox(void **state)
{
	struct reactor *reactor;
	uint64_t refused;
	struct cork cork;
	struct house house;
	struct plug plug;
	struct raw *raws;

	(void)state;
	house_open(&house, &(struct house_plan){.helpers = 1, .mailbox_len = 2});
	reactor = reactors_get(house.reactors, 0);
	plug_in(&plug, &house);
	raws = crowd_of_hellos(&house, PH_NK1);
	sem_init(&cork.in, 0, 0);
	sem_init(&cork.out, 0, 0);
	assert_int_equal(reactor_post(reactor, cork_run, &cork), 0);
	while (sem_wait(&cork.in))
		;
	while (!reactor_post(reactor, ignore, NULL))
		;
	refused = mailbox_refused(reactor->mailbox);
	/* The reactor stands still, and all is computed. */
	plug_out(&plug, &house);
	while (mailbox_refused(reactor->mailbox) == refused)
		sched_yield();
	sem_post(&cork.out);
	for (unsigned i = 0; i < CROWD; i++)
		shake_rest(&raws[i]);
	assert_int_equal(HOUSE_COUNT(&house, pooled), CROWD);
	crowd_close(raws);
	house_close(&house);
	sem_destroy(&cork.in);
	sem_destroy(&cork.out);
}

/* ---- without all being given away ---- */

/* A few at a time are the reactor's alone; of many some are the pool's or are taken back. */
static void only_what_is_too_much(void **state)
{
	struct house house;
	struct raw *raws;

	(void)state;
	for (unsigned helpers = 0; helpers <= 2; helpers += 2) {
		struct strazh *client;
		struct workpool_stats stats;
		struct cork cork;

		house_open(&house, &(struct house_plan){.helpers = helpers, .as_shipped = true});
		client = house_client(&house, NULL);
		assert_int_equal(house_echo(client, 1, 10, 10000), 0);
		stats = workpool_stats(house.pool);
		assert_int_equal(stats.jobs + stats.taken_back + stats.started, 0);
		/* All of them in one round. */
		sem_init(&cork.in, 0, 0);
		sem_init(&cork.out, 0, 0);
		assert_int_equal(reactor_post(reactors_get(house.reactors, 0), cork_run, &cork), 0);
		while (sem_wait(&cork.in))
			;
		raws = calloc(CROWD, sizeof(*raws));
		assert_non_null(raws);
		for (unsigned i = 0; i < CROWD; i++) {
			raw_open(&raws[i], &house, PH_NK1);
			raw_send(&raws[i], raws[i].hello, raws[i].hello_len);
		}
		sem_post(&cork.out);
		for (unsigned i = 0; i < CROWD; i++)
			shake_rest(&raws[i]);
		assert_int_equal(house_echo(client, 2, 10, 10000), 0);
		stats = workpool_stats(house.pool);
		assert_true(stats.jobs + stats.taken_back > 0);
		assert_int_equal(stats.jobs ? 0 : HOUSE_COUNT(&house, pooled), 0);
		assert_true(helpers || !stats.started);
		assert_int_equal(HOUSE_COUNT(&house, answered), CROWD + 1);
		assert_true(HOUSE_COUNT(&house, unshieldings) <= CROWD / 2);
		crowd_close(raws);
		strazh_close(client);
		house_close(&house);
		sem_destroy(&cork.in);
		sem_destroy(&cork.out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_suite),
		cmocka_unit_test(resumed),
		cmocka_unit_test(who_is_refused),
		cmocka_unit_test(connections_end),
		cmocka_unit_test(identity_is_replaced),
		cmocka_unit_test(end_at_once),
		cmocka_unit_test(end_in_order),
		cmocka_unit_test(end_at_work),
		cmocka_unit_test(a_full_queue),
		cmocka_unit_test(a_full_mailbox),
		cmocka_unit_test(only_what_is_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
