// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Retention: what is too old goes, a small transaction at a time, so that nobody waits long for it.
 * Bans and permissions that are over stay for a while: a clock that was wrong may have ended them.
 *
 * The audit is cut at the front. Up to where: the last record before the first one that is young
 * enough, so that a clock that jumped back takes no record with it that is not old (and one that
 * was far ahead keeps what follows its records for as long). The hash of the last one that goes
 * stays in the head, and a record says so: a cut that no record tells of is found by
 * store_audit_verify().
 */
#include <user/store/chain.h>
#include <user/store/inside.h>

#include <stdio.h>
#include <string.h>

#define ROWS_MAX 1000U
#define RECORDS_MAX 5000
#define WRITERS_KEEP_MS (30 * 86400000LL)

/* Rows of the table of which `at` is before then; keyed by their first column. */
static int drop_old(struct orm_session *s, const struct orm_table *table, struct orm_expr at,
		    int64_t before_ms, uint64_t *deleted)
{
	struct orm_expr key = orm_named(table, table->columns[0].name);
	struct orm_query *old = orm_select(s, table), *q = orm_delete(s, table);
	uint64_t changed = 0;
	int r;

	orm_columns(old, key);
	orm_where(old, orm_lt(at, V(before_ms)));
	orm_limit(old, ROWS_MAX);
	orm_where(q, orm_and(orm_in_query(key, old), orm_lt(at, V(before_ms))));
	r = orm_exec(s, q, &changed);
	orm_query_free(q);
	orm_query_free(old);
	*deleted += r ? 0 : changed;
	return r;
}

/* Those of alerts are keyed by more than one column, and one kind may have any number of them. */
static int drop_old_alerts(struct orm_session *s, int64_t before_ms, uint64_t *deleted)
{
	struct orm_query *q = orm_select(s, T(alert));
	struct orm_result *result = NULL;
	const struct alert *old;
	size_t len = 0;
	int r;

	orm_where(q, orm_lt(C(alert, closed_ms), V(before_ms)));
	orm_limit(q, ROWS_MAX);
	r = orm_fetch(s, q, T(alert), &result);
	orm_query_free(q);
	if (r)
		return r;
	old = orm_result_rows(result);
	len = orm_result_count(result);
	for (size_t i = 0; i < len && !r; i++) {
		r = orm_delete_row(s, T(alert), &old[i]);
		*deleted += !r;
		if (r == ORM_E_END) /* another process was faster */
			r = 0;
	}
	orm_result_free(result);
	return r;
}

/* ---- the audit ---- */

/* The last record that may go, at most RECORDS_MAX after the cut; 0: none. */
static int last_to_go(struct orm_session *s, const struct store_head *head, int64_t before_ms,
		      int64_t *ret_seq)
{
	struct orm_query *q = orm_select(s, T(audit));
	struct orm_value young;
	int r;

	orm_columns(q, orm_min(C(audit, seq)));
	orm_where(q, orm_ge(C(audit, at_ms), V(before_ms)));
	r = orm_value(s, q, &young);
	orm_query_free(q);
	if (r)
		return r;
	/* The head's own record stays: the chain goes on from it. */
	*ret_seq = young.kind == ORM_K_I64 ? young.i - 1 : head->seq - 1;
	*ret_seq = MIN(*ret_seq, head->cut_seq + RECORDS_MAX);
	if (*ret_seq <= head->cut_seq)
		*ret_seq = 0;
	return 0;
}

static int record_cut(struct orm_session *s, struct store_head *head, int64_t now_ms)
{
	char detail[96], hex[STORE_HEX_LEN];
	uint8_t hash[STORE_HASH_LEN];
	struct store_record record = {
		.at_ms = now_ms,
		.actor = STORE_AUDIT_ACTOR,
		.action = STORE_AUDIT_CUT,
		.subject = "audit",
		.cause = "older than the audit is kept",
		.detail = detail,
	};
	struct audit row;
	int r;

	snprintf(detail, sizeof(detail), "%lld %s", (long long)head->cut_seq,
		 store_chain_hex(head->cut_hash, hex));
	r = store_head_next(head, &record, hash, &row);
	if (!r)
		r = orm_insert_row(s, T(audit), &row, NULL);
	return r ? r : store_head_save(s, head);
}

static int cut_at(struct orm_session *s, struct store_head *head, int64_t seq, uint64_t *deleted)
{
	struct audit key = {.seq = seq}, row;
	struct orm_query *q;
	uint64_t changed = 0;
	int r = orm_get(s, T(audit), &key, &row);

	if (!r && row.hash.len != STORE_HASH_LEN)
		r = ORM_E_SCHEMA;
	if (r)
		return r;
	memcpy(head->cut_hash, row.hash.data, STORE_HASH_LEN);
	head->cut_seq = seq;
	q = orm_delete(s, T(audit));
	orm_where(q, orm_le(C(audit, seq), V(seq)));
	r = orm_exec(s, q, &changed);
	orm_query_free(q);
	*deleted += r ? 0 : changed;
	return r;
}

static int cut_audit(struct orm_session *s, int64_t before_ms, int64_t now_ms, uint64_t *deleted)
{
	struct store_head head;
	int64_t seq = 0;
	int r = store_head_read(s, &head, true);

	if (r)
		return r == ORM_E_END ? 0 : r;
	r = last_to_go(s, &head, before_ms, &seq);
	if (r || !seq)
		return r;
	r = cut_at(s, &head, seq, deleted);
	/* Somebody took that record out, which the check of the chain tells: another time, at one
	 * that is there. It is no reason to be without a store. */
	if (r == ORM_E_END)
		return 0;
	return r ? r : record_cut(s, &head, now_ms);
}

/* ---- a step ---- */

static int drop_all(struct store *st, struct orm_session *s, int64_t now_ms, uint64_t *deleted)
{
	const struct store_options *opt = &st->opt;
	int r = 0;

	if (opt->bans_keep_ms >= 0) {
		r = drop_old(s, T(ban), C(ban, until_ms), now_ms - opt->bans_keep_ms, deleted);
		if (!r)
			r = drop_old(s, T(allowed), C(allowed, until_ms),
				     now_ms - opt->bans_keep_ms, deleted);
	}
	if (!r && opt->sources_keep_ms >= 0)
		r = drop_old(s, T(source), C(source, last_ms), now_ms - opt->sources_keep_ms,
			     deleted);
	if (!r && opt->alerts_keep_ms >= 0)
		r = drop_old_alerts(s, now_ms - opt->alerts_keep_ms, deleted);
	if (!r)
		r = drop_old(s, T(store_writer), C(store_writer, at_ms), now_ms - WRITERS_KEEP_MS,
			     deleted);
	if (!r && opt->audit_keep_ms >= 0)
		r = cut_audit(s, now_ms - opt->audit_keep_ms, now_ms, deleted);
	return r;
}

int store_retain_step(struct store *st, struct orm_session *s, int64_t now_ms,
		      uint64_t *ret_deleted)
{
	uint64_t deleted = 0;
	int r = orm_begin(s, NULL);

	if (r)
		return r;
	r = drop_all(st, s, now_ms, &deleted);
	if (!r)
		r = orm_commit(s);
	if (orm_in_transaction(s))
		orm_rollback(s);
	if (!r)
		*ret_deleted = deleted;
	return r;
}

int store_retain(struct store *st, int64_t now_ms, uint64_t *ret_deleted,
		 struct store_fault *ret_fault)
{
	uint64_t total = 0, deleted = 0;
	struct orm_session *s;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	orm_session_promise(s, ORM_DURABLE);
	do {
		r = store_retain_step(st, s, now_ms, &deleted);
		total += r ? 0 : deleted;
	} while (!r && deleted);
	r = store_condition_of(r, s, ret_fault);
	orm_session_close(s);
	if (!r && ret_deleted)
		*ret_deleted = total;
	return r;
}
