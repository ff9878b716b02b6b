// SPDX-License-Identifier: AGPL-3.0-or-later
/* Opening, connecting, closing; what the ORM says as conditions of the store. */
#include <user/store/inside.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

/* The first look for what is too old is not in the busy first minute. */
#define RETAIN_FIRST_MS 60000

const char *store_condition_text(int condition)
{
#define TEXT_(name, text) [STORE_##name] = text,
	static const char *const texts[] = {STORE_CONDITIONS(TEXT_)};

	if (condition < 0)
		return strerror(-condition);
	return (unsigned)condition < STORE_CONDITION_COUNT ? texts[condition] : "unknown";
}

int64_t store_left_ms(int64_t since_ms, int64_t until_ms, int64_t now_ms)
{
	if (!until_ms)
		return INT64_MAX;
	return now_ms >= until_ms ? 0 : MIN(until_ms - now_ms, until_ms - since_ms);
}

void store_fault_set(struct store_fault *ret_fault, int class, const char *text)
{
	if (!ret_fault)
		return;
	ret_fault->class = class;
	snprintf(ret_fault->text, sizeof(ret_fault->text), "%s", text);
}

int store_condition_of(int r, const struct orm_session *s, struct store_fault *ret_fault)
{
	if (!r)
		return 0;
	store_fault_set(ret_fault, r,
			s && orm_error(s)->text[0] ? orm_error(s)->text : orm_class_text(r));
	switch (r) {
	case ORM_E_QUERY:
	case ORM_E_VALUE:
	case ORM_E_UNIQUE:
	case ORM_E_FOREIGN_KEY:
	case ORM_E_NOT_NULL:
	case ORM_E_CHECK:
	case ORM_E_CONSTRAINT:
	case ORM_E_TOO_BIG:
	case -EINVAL:
		return STORE_REFUSED;
	default:
		return STORE_DOWN;
	}
}

/* ---- connecting ---- */

static int open_session(struct store *st, struct store_fault *ret_fault)
{
	struct orm_session *s;
	int r = orm_session_open(st->db, &s);

	if (r) {
		store_fault_set(ret_fault, r, orm_class_text(r));
		return r;
	}
	orm_session_promise(s, ORM_DURABLE);
	r = store_migrate(s);
	if (!r) {
		st->session = s;
		r = store_writer_begin(st);
	}
	if (r) {
		store_condition_of(r, s, ret_fault);
		st->session = NULL;
		orm_session_close(s);
	}
	return r;
}

int store_connect(struct store *st, struct store_fault *ret_fault)
{
	/* The writer has pauses of its own, so no circuit is to open on top of them; and what is
	 * locked or silent is to be said soon. */
	static const struct orm_options options = {
		.pool_max = 6,
		.acquire_timeout_ms = 1000,
		.breaker_failures = INT32_MAX,
		.busy_timeout_ms = 3000,
		.query_timeout_ms = 15000,
		.application_name = "strazh",
	};
	struct orm_error error = {0};
	struct orm *db;
	int r;

	if (!st->db) {
		r = orm_open(st->url, &options, &db, &error);
		if (r) {
			store_fault_set(ret_fault, r,
					error.text[0] ? error.text : orm_class_text(r));
			return r;
		}
		pthread_mutex_lock(&st->lock);
		st->db = db;
		pthread_mutex_unlock(&st->lock);
	}
	return open_session(st, ret_fault);
}

int store_reader(struct store *st, struct orm_session **ret_session, struct store_fault *ret_fault)
{
	struct orm *db;
	int r;

	pthread_mutex_lock(&st->lock);
	db = st->db;
	pthread_mutex_unlock(&st->lock);
	if (!db) {
		store_fault_set(ret_fault, ORM_E_CONNECTION, "not connected yet");
		return STORE_DOWN;
	}
	r = orm_session_open(db, ret_session);
	return r ? store_condition_of(r, NULL, ret_fault) : 0;
}

/* ---- opening ---- */

static struct store_options with_defaults(const struct store_options *given)
{
	struct store_options opt = given ? *given : (struct store_options){0};

#define DEFAULT_(type, name, value, text)                                                          \
	if (!opt.name)                                                                             \
		opt.name = value;
	STORE_OPTIONS(DEFAULT_)
	return opt;
}

static int init_conditions(struct store *st)
{
	pthread_condattr_t attr;
	int r = pthread_condattr_init(&attr);

	if (r)
		return -r;
	r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (!r)
		r = pthread_cond_init(&st->told, &attr);
	if (!r)
		r = pthread_cond_init(&st->wake, &attr);
	pthread_condattr_destroy(&attr);
	return -r;
}

static int init(struct store *st, const char *url)
{
	struct {
		uint64_t key;
		uint8_t id[16];
	} random;
	int r;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -errno;
	for (unsigned i = 0; i < sizeof(random.id); i++)
		snprintf(st->id + 2 * (size_t)i, 3, "%02x", random.id[i]);
	st->url = strdup(url);
	st->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!st->url)
		return -ENOMEM;
	if (st->event < 0)
		return -errno;
	r = store_pending_init(&st->pending, st->opt.sources_max, random.key);
	return r ? r : store_group_make(st);
}

static void release(struct store *st)
{
	if (!st)
		return;
	orm_session_close(st->session);
	orm_close(st->db);
	for (unsigned i = 0; i < st->former_count; i++)
		orm_close(st->former[i]);
	if (st->switching.to)
		explicit_bzero(st->switching.to, strlen(st->switching.to));
	free(st->switching.to);
	store_group_free(st);
	store_pending_deinit(&st->pending);
	if (st->event >= 0)
		close(st->event);
	pthread_cond_destroy(&st->wake);
	pthread_cond_destroy(&st->told);
	pthread_mutex_destroy(&st->lock);
	if (st->url) /* it may have a password */
		explicit_bzero(st->url, strlen(st->url));
	free(st->url);
	free(st);
}

/* Of a URL, not of a database that is away: to try again would change nothing. */
static bool is_hopeless(int r)
{
	return r == -EINVAL || r == ORM_E_QUERY || r == ORM_E_VALUE || r == ORM_E_SCHEMA;
}

int store_new(const char *url, const struct store_options *options, struct store **ret_store,
	      struct store_fault *ret_fault)
{
	struct store *st = calloc(1, sizeof(*st));
	struct store_fault fault = {0};
	int r;

	store_fault_set(ret_fault, -ENOMEM, "out of memory");
	if (!st)
		return -ENOMEM;
	st->event = -1;
	st->opt = with_defaults(options);
	st->queue.last = &st->queue.first;
	st->flight.last = &st->flight.first;
	st->finished.last = &st->finished.first;
	st->retain_due_ms = store_now_ms() + MIN(st->opt.retain_every_ms, RETAIN_FIRST_MS);
	pthread_mutex_init(&st->lock, NULL);
	r = init_conditions(st);
	if (!r)
		r = init(st, url);
	if (r) {
		release(st);
		return r;
	}
	r = store_connect(st, &fault);
	if (r && (!st->opt.may_start_down || is_hopeless(r))) {
		if (ret_fault)
			*ret_fault = fault;
		release(st);
		return r == -ENOMEM ? r : STORE_DOWN;
	}
	if (r) {
		st->health.degraded = true;
		st->health.since_ms = store_wall_ms();
		st->health.outages = st->health.failures = 1;
		st->health.why = fault;
	}
	*ret_store = st;
	return 0;
}

int store_start(struct store *st)
{
	int r = pthread_create(&st->thread, NULL, store_run, st);

	st->started = !r;
	return -r;
}

int store_open(const char *url, const struct store_options *options, struct store **ret_store,
	       struct store_fault *ret_fault)
{
	struct store *st;
	int r = store_new(url, options, &st, ret_fault);

	if (r)
		return r;
	r = store_start(st);
	if (r) {
		store_fault_set(ret_fault, r, "no thread can be started");
		store_close(st, NULL);
		return r;
	}
	*ret_store = st;
	return 0;
}

/* So that the table does not grow by one row a start. Best effort: retention finds it later. */
static void sign_off(struct store *st)
{
	struct store_writer row = {.id = st->id};

	/* Where stopping took long the database hangs, and would be waited for once more. */
	if (st->session && !st->health.degraded && store_now_ms() < st->stop_at_ms &&
	    orm_delete_row(st->session, T(store_writer), &row) != 0)
		st->health.failures++;
}

void store_stop(struct store *st)
{
	if (!st)
		return;
	pthread_mutex_lock(&st->lock);
	if (!st->stopping)
		st->stop_at_ms = store_now_ms() + st->opt.close_ms;
	st->stopping = true;
	pthread_cond_signal(&st->wake);
	pthread_mutex_unlock(&st->lock);
}

void store_close(struct store *st, uint32_t *ret_lost)
{
	if (!st)
		return;
	store_stop(st);
	if (st->started)
		pthread_join(st->thread, NULL);
	else
		store_run(st);
	while (store_collect(st))
		;
	if (ret_lost)
		*ret_lost = st->pending.count;
	sign_off(st);
	release(st);
}
