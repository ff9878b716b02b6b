// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The head of the audit chain. Whoever appends or cuts holds its row's lock until the end of the
 * transaction (SQLite has one writer anyway), so records have one order, whoever writes them.
 */
#include <user/store/chain.h>
#include <user/store/inside.h>

#include <errno.h>
#include <string.h>

#define HEAD_ID 1

static int copy_hash(uint8_t to[STORE_HASH_LEN], const struct orm_bytes *from)
{
	if (from->len != STORE_HASH_LEN)
		return ORM_E_SCHEMA;
	memcpy(to, from->data, STORE_HASH_LEN);
	return 0;
}

int store_head_read(struct orm_session *s, struct store_head *ret_head, bool lock)
{
	struct orm_query *q = orm_select(s, T(audit_head));
	struct store_head head = {0};
	struct audit_head row;
	int r;

	orm_where(q, orm_eq(C(audit_head, id), HEAD_ID));
	if (lock)
		orm_for_update(q);
	r = orm_first(s, q, T(audit_head), &row);
	orm_query_free(q);
	if (r == ORM_E_END && lock)
		return r;
	if (!r) {
		head.seq = row.seq;
		head.cut_seq = row.cut_seq;
		r = copy_hash(head.hash, &row.hash);
		if (!r)
			r = copy_hash(head.cut_hash, &row.cut_hash);
		if (r)
			return r;
	} else if (r != ORM_E_END) {
		return r;
	}
	*ret_head = head;
	return 0;
}

static struct audit_head row_of(const struct store_head *head)
{
	return (struct audit_head){
		.id = HEAD_ID,
		.seq = head->seq,
		.hash = {head->hash, STORE_HASH_LEN},
		.cut_seq = head->cut_seq,
		.cut_hash = {head->cut_hash, STORE_HASH_LEN},
	};
}

int store_head_lock(struct orm_session *s, struct store_head *ret_head)
{
	static const struct store_head empty = {0};
	struct audit_head row = row_of(&empty);
	struct orm_query *q;
	int r = store_head_read(s, ret_head, true);

	if (r != ORM_E_END)
		return r;
	/* The very first record; of two writers the second waits here, and then finds the row. */
	q = orm_insert(s, T(audit_head));
	orm_row(q, &row);
	orm_on_conflict_nothing(q);
	r = orm_exec(s, q, NULL);
	orm_query_free(q);
	if (!r)
		r = store_head_read(s, ret_head, true);
	return r;
}

int store_head_save(struct orm_session *s, const struct store_head *head)
{
	struct audit_head row = row_of(head);

	return orm_update_row(s, T(audit_head), &row, 0);
}

int store_head_next(struct store_head *head, const struct store_record *record,
		    uint8_t hash[STORE_HASH_LEN], struct audit *ret_row)
{
	struct store_record next = *record;
	int r;

	next.seq = head->seq + 1;
	r = store_chain_hash(head->hash, &next, hash);
	if (r)
		return r;
	memcpy(head->hash, hash, STORE_HASH_LEN);
	head->seq = next.seq;
	*ret_row = (struct audit){
		.seq = next.seq,
		.at_ms = next.at_ms,
		.actor = next.actor,
		.action = next.action,
		.subject = next.subject,
		.cause = next.cause,
		.detail = next.detail,
		.hash = {hash, STORE_HASH_LEN},
	};
	return 0;
}
