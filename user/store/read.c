// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Reading: a session and a cursor for each call, so that memory does not grow with the table, and
 * neither the writer nor other readers wait. A row becomes the caller's struct, which borrows its
 * texts.
 */
#include <user/store/inside.h>

#include <errno.h>
#include <string.h>

/* One reading: `call` makes the caller's struct of a row, and calls `fn`. */
struct reading {
	const struct orm_table *table;
	int (*call)(const struct reading *reading, const void *row);
	void (*fn)(void);
	void *data;
};

static int read_rows(struct orm_session *s, struct orm_query *q, const struct reading *reading,
		     struct store_fault *ret_fault)
{
	struct orm_cursor *c;
	const void *row;
	int r = orm_cursor_open(s, q, reading->table, &c), told = 0;

	orm_query_free(q);
	if (r)
		return store_condition_of(r, s, ret_fault);
	while (!told && (r = orm_cursor_next(c, &row)) == 0)
		told = reading->call(reading, row);
	if (!told && r != ORM_E_END)
		r = store_condition_of(r, s, ret_fault);
	else
		r = told;
	orm_cursor_close(c);
	return r;
}

int store_prefix_of(const char *text, struct prefix *ret_prefix)
{
	return prefix_parse(text, strlen(text), ret_prefix) ? STORE_BROKEN : 0;
}

/* Those that are not over; 0: all. */
static struct orm_query *that_hold(struct orm_session *s, const struct orm_table *table,
				   struct orm_expr until, int64_t now_ms)
{
	struct orm_query *q = orm_select(s, table);

	if (now_ms)
		orm_where(q, orm_or(orm_is_null(until), orm_gt(until, V(now_ms))));
	return q;
}

#define CALL(reading, type, value) ((type)(reading)->fn)((reading)->data, value)

int store_ban_of(const struct ban *row, struct store_ban *ret_ban)
{
	struct store_ban ban = {
		.since_ms = row->since_ms,
		.until_ms = row->until_ms,
		.offences = row->offences,
		.origin = row->origin,
		.actor = row->actor,
		.cause = row->cause,
	};
	int r = store_prefix_of(row->cidr, &ban.prefix);

	if (!r)
		*ret_ban = ban;
	return r;
}

static int call_ban(const struct reading *reading, const void *row)
{
	struct store_ban ban;
	int r = store_ban_of(row, &ban);

	return r ? r : CALL(reading, store_ban_fn, &ban);
}

int store_each_ban(struct store *st, int64_t now_ms, store_ban_fn fn, void *data,
		   struct store_fault *ret_fault)
{
	const struct reading reading = {T(ban), call_ban, (void (*)(void))fn, data};
	struct orm_session *s;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	r = read_rows(s, that_hold(s, T(ban), C(ban, until_ms), now_ms), &reading, ret_fault);
	orm_session_close(s);
	return r;
}

int store_each_ban_of(struct store *st, const char *origin, store_ban_fn fn, void *data,
		      struct store_fault *ret_fault)
{
	const struct reading reading = {T(ban), call_ban, (void (*)(void))fn, data};
	struct orm_session *s;
	struct orm_query *q;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	q = orm_select(s, T(ban));
	orm_where(q, orm_eq(C(ban, origin), V(origin)));
	r = read_rows(s, q, &reading, ret_fault);
	orm_session_close(s);
	return r;
}

static int call_allow(const struct reading *reading, const void *data)
{
	const struct allowed *row = data;
	struct store_allow allow = {
		.since_ms = row->since_ms,
		.until_ms = row->until_ms,
		.origin = row->origin,
		.actor = row->actor,
		.cause = row->cause,
	};
	int r = store_prefix_of(row->cidr, &allow.prefix);

	return r ? r : CALL(reading, store_allow_fn, &allow);
}

int store_each_allow(struct store *st, int64_t now_ms, store_allow_fn fn, void *data,
		     struct store_fault *ret_fault)
{
	const struct reading reading = {T(allowed), call_allow, (void (*)(void))fn, data};
	struct orm_session *s;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	r = read_rows(s, that_hold(s, T(allowed), C(allowed, until_ms), now_ms), &reading,
		      ret_fault);
	orm_session_close(s);
	return r;
}

int store_source_of(const struct source *row, struct store_source *ret_source)
{
	struct store_source source = {
		.evidence_len = (uint32_t)MIN(row->evidence.n, STORE_EVIDENCE_MAX),
		.offences = row->offences,
		.pressure = row->pressure,
		.good = row->good,
		.trust_until_ms = row->trust_until_ms,
		.scored_ms = row->scored_ms,
		.first_ms = row->first_ms,
		.last_ms = row->last_ms,
		.banned_until_ms = row->banned_until_ms,
		.score = row->score,
		.ban_over_h = row->ban_over_h,
		.good_ago_d = row->good_ago_d,
		.share = row->share,
		.days = row->days,
		.sessions = row->sessions,
		.proven = row->proven,
	};
	int r = store_prefix_of(row->cidr, &source.prefix);

	if (r)
		return r;
	for (uint32_t i = 0; i < source.evidence_len; i++)
		source.evidence[i] = row->evidence.v[i];
	*ret_source = source;
	return 0;
}

static int call_source(const struct reading *reading, const void *row)
{
	struct store_source source;
	int r = store_source_of(row, &source);

	return r ? r : CALL(reading, store_source_fn, &source);
}

int store_each_source(struct store *st, uint32_t most, store_source_fn fn, void *data,
		      struct store_fault *ret_fault)
{
	const struct reading reading = {T(source), call_source, (void (*)(void))fn, data};
	struct orm_session *s;
	struct orm_query *q;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	q = orm_select(s, T(source));
	if (most) {
		orm_order_by(q, orm_desc(C(source, last_ms)));
		orm_limit(q, most);
	}
	r = read_rows(s, q, &reading, ret_fault);
	orm_session_close(s);
	return r;
}

static int call_list(const struct reading *reading, const void *data)
{
	const struct address_list *row = data;
	struct store_list list = {
		.name = row->name,
		.origin = row->origin,
		.weight = row->weight,
		.etag = row->etag,
		.loaded_ms = row->loaded_ms,
		.entries = row->entries,
	};

	return CALL(reading, store_list_fn, &list);
}

int store_each_list(struct store *st, store_list_fn fn, void *data, struct store_fault *ret_fault)
{
	const struct reading reading = {T(address_list), call_list, (void (*)(void))fn, data};
	struct orm_session *s;
	struct orm_query *q;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	q = orm_select(s, T(address_list));
	orm_order_by(q, C(address_list, name));
	r = read_rows(s, q, &reading, ret_fault);
	orm_session_close(s);
	return r;
}

static int call_feed(const struct reading *reading, const void *data)
{
	const struct feed *row = data;
	struct store_feed feed = {
		.name = row->name,
		.url = row->url,
		.weight = row->weight,
		.every_s = row->every_s,
		.expiry_s = row->expiry_s,
		.etag = row->etag,
		.tried_ms = row->tried_ms,
		.loaded_ms = row->loaded_ms,
		.failures = row->failures,
		.entries = row->entries,
		.fault = row->fault,
	};

	return CALL(reading, store_feed_fn, &feed);
}

int store_each_feed(struct store *st, store_feed_fn fn, void *data, struct store_fault *ret_fault)
{
	const struct reading reading = {T(feed), call_feed, (void (*)(void))fn, data};
	struct orm_session *s;
	struct orm_query *q;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	q = orm_select(s, T(feed));
	orm_order_by(q, C(feed, name));
	r = read_rows(s, q, &reading, ret_fault);
	orm_session_close(s);
	return r;
}

static int call_setting(const struct reading *reading, const void *data)
{
	const struct setting *row = data;
	struct store_setting setting = {
		.name = row->name,
		.value = row->value,
		.actor = row->actor,
		.set_ms = row->set_ms,
	};

	return CALL(reading, store_setting_fn, &setting);
}

int store_each_setting(struct store *st, store_setting_fn fn, void *data,
		       struct store_fault *ret_fault)
{
	const struct reading reading = {T(setting), call_setting, (void (*)(void))fn, data};
	struct orm_session *s;
	struct orm_query *q;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	q = orm_select(s, T(setting));
	orm_order_by(q, C(setting, name));
	r = read_rows(s, q, &reading, ret_fault);
	orm_session_close(s);
	return r;
}

static int call_alert(const struct reading *reading, const void *data)
{
	const struct alert *row = data;
	struct store_alert alert = {
		.kind = row->kind,
		.subject = row->subject,
		.opened_ms = row->opened_ms,
		.closed_ms = row->closed_ms,
		.severity = row->severity,
		.what = row->what,
	};

	return CALL(reading, store_alert_fn, &alert);
}

int store_each_alert(struct store *st, bool open_only, store_alert_fn fn, void *data,
		     struct store_fault *ret_fault)
{
	const struct reading reading = {T(alert), call_alert, (void (*)(void))fn, data};
	struct orm_session *s;
	struct orm_query *q;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	q = orm_select(s, T(alert));
	if (open_only)
		orm_where(q, orm_is_null(C(alert, closed_ms)));
	orm_order_by(q, orm_desc(C(alert, opened_ms)));
	r = read_rows(s, q, &reading, ret_fault);
	orm_session_close(s);
	return r;
}

static int call_record(const struct reading *reading, const void *data)
{
	const struct audit *row = data;
	struct store_record record = {
		.seq = row->seq,
		.at_ms = row->at_ms,
		.actor = row->actor,
		.action = row->action,
		.subject = row->subject,
		.cause = row->cause,
		.detail = row->detail,
	};

	memcpy(record.hash, row->hash.data, MIN(row->hash.len, STORE_HASH_LEN));
	return CALL(reading, store_record_fn, &record);
}

int store_each_record(struct store *st, const char *subject, uint32_t most, store_record_fn fn,
		      void *data, struct store_fault *ret_fault)
{
	const struct reading reading = {T(audit), call_record, (void (*)(void))fn, data};
	struct orm_session *s;
	struct orm_query *q;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	q = orm_select(s, T(audit));
	if (subject)
		orm_where(q, orm_eq(C(audit, subject), V(subject)));
	orm_order_by(q, orm_desc(C(audit, seq)));
	if (most)
		orm_limit(q, most);
	r = read_rows(s, q, &reading, ret_fault);
	orm_session_close(s);
	return r;
}
