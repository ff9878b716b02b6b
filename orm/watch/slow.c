/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function is called, and the database asked, without the lock. A call costs each_ns of what is
 * saved up; nothing is saved beyond a second's worth, so a quiet hour allows one burst of as many
 * as a second does.
 */
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/watch/advise.h>
#include <orm/watch/slow.h>

int orm_slow_init(struct orm_slow *slow, int64_t slow_ms, const struct orm_clock *clock)
{
	*slow = (struct orm_slow){
		.above_ns = UINT64_MAX,
		.slow_ns = slow_ms > 0 ? orm_ns_of_ms(slow_ms, 0) : UINT64_MAX,
		.clock = clock ? clock : &orm_clock_machine,
	};
	return -pthread_mutex_init(&slow->lock, NULL);
}

void orm_slow_threshold(struct orm_slow *slow, int64_t slow_ms)
{
	slow->slow_ns = slow_ms > 0 ? orm_ns_of_ms(slow_ms, 0) : UINT64_MAX;
}

void orm_slow_deinit(struct orm_slow *slow)
{
	pthread_mutex_destroy(&slow->lock);
}

void orm_slow_set(struct orm_slow *slow, orm_slow_fn fn, void *data, unsigned per_second)
{
	pthread_mutex_lock(&slow->lock);
	slow->fn = fn;
	slow->data = data;
	slow->each_ns = MAX(ORM_NS_PER_S / (per_second ? per_second : ORM_SLOW_PER_SECOND), 1);
	slow->saved_ns = ORM_NS_PER_S;
	slow->filled_ns = orm_now_ns(slow->clock);
	slow->unsaid = 0;
	atomic_store_explicit(&slow->above_ns, fn ? slow->slow_ns : UINT64_MAX,
			      memory_order_relaxed);
	pthread_mutex_unlock(&slow->lock);
}

/* The function, when it may be called now. */
static orm_slow_fn take_turn(struct orm_slow *slow, void **ret_data, uint64_t *ret_unsaid)
{
	uint64_t now = orm_now_ns(slow->clock);
	orm_slow_fn fn = NULL;

	pthread_mutex_lock(&slow->lock);
	if (now > slow->filled_ns) {
		slow->saved_ns = MIN(slow->saved_ns + MIN(now - slow->filled_ns, ORM_NS_PER_S),
				     ORM_NS_PER_S);
		slow->filled_ns = now;
	}
	if (slow->fn && slow->saved_ns >= slow->each_ns) {
		slow->saved_ns -= slow->each_ns;
		fn = slow->fn;
		*ret_data = slow->data;
		*ret_unsaid = slow->unsaid;
		slow->unsaid = 0;
	} else {
		slow->unsaid++;
	}
	pthread_mutex_unlock(&slow->lock);
	return fn;
}

static bool is_broken(const struct orm_conn *conn)
{
	return ((const struct orm_conn_head *)conn)->broken;
}

bool orm_slow_tell(struct orm_slow *slow, const struct orm_slow_query *query,
		   const struct orm_stmt *stmt, const struct orm_value *values,
		   struct orm_conn *conn)
{
	struct orm_slow_query told = *query;
	own_free char *plan = NULL;
	own_free char *advice = NULL;
	struct orm_error ignored;
	orm_slow_fn fn;
	void *data;

	fn = take_turn(slow, &data, &told.unsaid);
	if (!fn)
		return false;
	if (conn && !is_broken(conn)) {
		const struct orm_driver *driver = ((const struct orm_conn_head *)conn)->driver;

		if (!driver->explain || driver->explain(conn, stmt, values, &plan, &ignored))
			plan = NULL;
		if (plan && !is_broken(conn) && orm_advise(conn, stmt, values, &advice, &ignored))
			advice = NULL;
	}
	if (plan)
		orm_plan_mask(plan);
	told.plan = plan;
	told.advice = advice;
	fn(&told, data);
	return true;
}

/* ---- the mask ---- */

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$' || (unsigned char)c >= 128;
}

/* Behind a quoted text, "" or '' inside it included; at the end when it does not end. */
static const char *skip_quoted(const char *p, char quote)
{
	for (p++; *p; p++) {
		if (*p == quote && *++p != quote)
			return p;
	}
	return p;
}

static const char *skip_word(const char *p)
{
	while (is_word(*p))
		p++;
	return p;
}

/* A number, with its fraction and exponent. */
static const char *skip_number(const char *p)
{
	do
		p++;
	while (is_word(*p) || *p == '.' || ((*p == '-' || *p == '+') && (p[-1] | 32) == 'e'));
	return p;
}

static char *copy_until(char *to, const char *from, const char *end)
{
	size_t len = (size_t)(end - from);

	memmove(to, from, len);
	return to + len;
}

/* A node's line: it has names and costs, and no literal before them that could look like one. */
static bool is_node(const char *line)
{
	size_t len = strcspn(line, "\n");
	const char *cost = memmem(line, len, "  (cost=", 8);

	return cost && !memchr(line, '\'', (size_t)(cost - line));
}

/* What begins at p, in a condition. */
static char *mask_token(char *to, const char *p, const char **ret_next)
{
	if (*p == '\'' || (*p >= '0' && *p <= '9')) {
		*ret_next = *p == '\'' ? skip_quoted(p, '\'') : skip_number(p);
		*to++ = '?';
		return to;
	}
	if (*p == '"')
		*ret_next = skip_quoted(p, '"');
	else
		*ret_next = is_word(*p) ? skip_word(p) : p + 1;
	return copy_until(to, p, *ret_next);
}

void orm_plan_mask(char *plan)
{
	const char *p = plan, *next;
	bool begins = true; /* a line, outside a literal */
	char *to = plan;

	for (; *p; p = next) {
		if (begins && is_node(p)) {
			next = p + strcspn(p, "\n");
			to = copy_until(to, p, next);
			begins = false;
		} else {
			begins = *p == '\n';
			to = mask_token(to, p, &next);
		}
	}
	*to = '\0';
}
