/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A database that only counts and fails as told, and a clock that the test moves. The address is
 * "fake:N": server N. One program, one copy of all this.
 */
#ifndef STRAZH_TESTS_UNIT_ORM_FAKE_H
#define STRAZH_TESTS_UNIT_ORM_FAKE_H

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <orm/base/clock.h>
#include <orm/base/fault.h>
#include <orm/drivers/driver.h>

struct fake_server {
	atomic_uint opens, closes, checks, rollbacks, begins, commits, starts;
	atomic_int live, live_max;
	atomic_bool down;	   /* nothing works */
	atomic_uint generation;	   /* one more: what was open is dead */
	atomic_uint fail_opens;	   /* the next so many fail */
	atomic_uint fail_one_in;   /* opens and checks fail by chance, 1 in so many; 0 never */
	atomic_bool hold;	   /* opening takes until it is false */
	const char *fail_sqlstate; /* of a failed open */
	atomic_uint most;	   /* connections it takes: one more is SQLSTATE 53300; 0 all */
	atomic_bool in_recovery;
	atomic_ullong lsn;
	atomic_uint timeline;
	_Atomic(uint64_t) answer_ns; /* an answer moves the clock by it */
	void (*on_answer)(void);     /* the world goes on meanwhile */
};

struct fake_conn {
	struct orm_conn_head head;
	struct fake_server *server;
	unsigned generation;
	bool transaction;
};

#define FAKE_SERVERS 4
static struct fake_server fake_servers[FAKE_SERVERS];
static _Atomic(uint64_t) fake_now = ORM_NS_PER_S;

static inline void fake_reset(void)
{
	memset(fake_servers, 0, sizeof(fake_servers));
	fake_now = ORM_NS_PER_S;
}

/* ---- clock ---- */

static inline uint64_t fake_now_ns(void *data)
{
	(void)data;
	return atomic_load(&fake_now);
}
static inline void fake_pass_ms(uint64_t ms)
{
	atomic_fetch_add(&fake_now, ms * ORM_NS_PER_MS);
}
/* Nobody else runs: the time just passes. */
static inline int fake_wait(void *data, pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until)
{
	(void)data, (void)cond, (void)lock;
	atomic_store(&fake_now, until);
	return ETIMEDOUT;
}
static inline void fake_sleep(void *data, uint64_t ns)
{
	(void)data;
	atomic_fetch_add(&fake_now, ns);
}
static const struct orm_clock fake_clock = {fake_now_ns, fake_wait, fake_sleep, NULL};

/* ---- driver ---- */

static const struct orm_driver fake_driver;

static inline bool fake_chance(unsigned one_in)
{
	static _Atomic(uint64_t) state = 1;
	uint64_t z = atomic_fetch_add(&state, 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return one_in && (z >> 33) % one_in == 0;
}

static inline int fake_open(const char *address, const struct orm_options *options,
			    enum orm_role role, struct orm_conn **ret_conn, struct orm_error *err)
{
	struct fake_server *server = &fake_servers[address[5] - '0'];
	struct fake_conn *conn;
	int live;

	(void)options, (void)role;
	server->opens++;
	while (server->hold)
		sched_yield();
	atomic_fetch_add(&fake_now, server->answer_ns);
	if (server->fail_opens) {
		server->fail_opens--;
		orm_fail(err, ORM_E_CONNECTION, "told to fail");
		if (server->fail_sqlstate)
			snprintf(err->sqlstate, 6, "%s", server->fail_sqlstate);
		return err->class;
	}
	if (server->down || fake_chance(server->fail_one_in))
		return orm_fail(err, ORM_E_CONNECTION, "server %c is down", address[5]);
	if (server->most && (unsigned)server->live >= server->most) {
		orm_fail(err, ORM_E_CONNECTION, "too many connections");
		memcpy(err->sqlstate, "53300", 6);
		return err->class;
	}
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return orm_fail(err, -ENOMEM, "no memory");
	conn->head.driver = &fake_driver;
	conn->server = server;
	conn->generation = server->generation;
	live = atomic_fetch_add(&server->live, 1) + 1;
	for (int most = server->live_max; live > most;) {
		if (atomic_compare_exchange_weak(&server->live_max, &most, live))
			break;
	}
	*ret_conn = (struct orm_conn *)conn;
	return 0;
}

static inline struct fake_conn *fake_of(struct orm_conn *conn)
{
	return (struct fake_conn *)conn;
}
static inline void fake_close(struct orm_conn *conn)
{
	fake_of(conn)->server->closes++;
	fake_of(conn)->server->live--;
	free(conn);
}
static inline int fake_alive(struct orm_conn *conn, struct orm_error *err)
{
	struct fake_conn *c = fake_of(conn);

	atomic_fetch_add(&fake_now, c->server->answer_ns);
	if (!c->server->down && c->generation == c->server->generation &&
	    !fake_chance(c->server->fail_one_in))
		return 0;
	c->head.broken = true;
	return orm_fail(err, ORM_E_CONNECTION, "the connection is dead");
}
static inline int fake_check(struct orm_conn *conn, struct orm_error *err)
{
	fake_of(conn)->server->checks++;
	return fake_alive(conn, err);
}
static inline int fake_begin(struct orm_conn *conn, const struct orm_tx_options *options,
			     bool durable, struct orm_error *err)
{
	(void)options, (void)durable;
	fake_of(conn)->server->begins++;
	fake_of(conn)->transaction = true;
	return fake_alive(conn, err);
}
static inline int fake_commit(struct orm_conn *conn, struct orm_error *err)
{
	fake_of(conn)->server->commits++;
	fake_of(conn)->transaction = false;
	return fake_alive(conn, err);
}
static inline void fake_rollback(struct orm_conn *conn)
{
	fake_of(conn)->server->rollbacks += fake_of(conn)->transaction;
	fake_of(conn)->transaction = false;
}

static const struct orm_driver fake_driver = {
	.dialect = ORM_POSTGRESQL,
	.open = fake_open,
	.close = fake_close,
	.check = fake_check,
	.begin = fake_begin,
	.commit = fake_commit,
	.rollback = fake_rollback,
};

#endif
