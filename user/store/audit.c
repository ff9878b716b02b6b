// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Verifying the chain: one walk in a snapshot, from what the head says was cut to what it says is
 * the last record. What is wrong is told of the first record that shows it.
 *
 *	a record was changed            its hash is not the one that is stored
 *	a record was changed and hashed the next one's hash does not follow
 *	a record is gone                a number is missing, or the head is further on
 *	the beginning is gone           the first one does not follow what the last `cut` recorded
 */
#include <user/store/chain.h>
#include <user/store/inside.h>

#include <stdio.h>
#include <string.h>

struct walk {
	struct store_audit_state *state;
	struct store_head head;
	uint8_t hash[STORE_HASH_LEN]; /* of the record before */
	int64_t seq;
	char cut[96]; /* what the last `cut` record says */
};

static int broken(struct walk *w, int64_t seq, const char *why)
{
	w->state->broken_seq = seq;
	w->state->broken_why = why;
	return STORE_BROKEN;
}

static int step(struct walk *w, const struct audit *row)
{
	struct store_record record = {
		.seq = row->seq,
		.at_ms = row->at_ms,
		.actor = row->actor,
		.action = row->action,
		.subject = row->subject,
		.cause = row->cause,
		.detail = row->detail,
	};
	int r;

	if (row->seq != w->seq + 1)
		return broken(w, row->seq <= w->seq ? row->seq : w->seq + 1,
			      row->seq <= w->seq ? "it should have been cut" : "it is missing");
	r = store_chain_hash(w->hash, &record, w->hash);
	if (r)
		return r;
	if (row->hash.len != STORE_HASH_LEN || memcmp(row->hash.data, w->hash, STORE_HASH_LEN) != 0)
		return broken(w, row->seq,
			      "its hash is not that of what it says and of the record "
			      "before it");
	w->seq = row->seq;
	w->state->records++;
	if (strcmp(row->action, STORE_AUDIT_CUT) == 0 && strcmp(row->actor, STORE_AUDIT_ACTOR) == 0)
		snprintf(w->cut, sizeof(w->cut), "%s", row->detail);
	return 0;
}

static int finish(struct walk *w)
{
	char cut[96], hex[STORE_HEX_LEN];

	if (w->seq != w->head.seq)
		return broken(w, w->seq < w->head.seq ? w->seq + 1 : w->head.seq + 1,
			      w->seq < w->head.seq ? "it is missing" : "the head does not know it");
	if (memcmp(w->hash, w->head.hash, STORE_HASH_LEN) != 0)
		return broken(w, w->seq, "the head has another hash of it");
	snprintf(cut, sizeof(cut), "%lld %s", (long long)w->head.cut_seq,
		 store_chain_hex(w->head.cut_hash, hex));
	if (w->head.cut_seq && strcmp(cut, w->cut) != 0)
		return broken(w, w->head.cut_seq + 1,
			      "no record says that those before it were cut");
	return 0;
}

static int walk(struct orm_session *s, struct walk *w, struct store_fault *ret_fault)
{
	struct orm_query *q = orm_select(s, T(audit));
	struct orm_cursor *c;
	const void *row;
	int r, told = 0;

	orm_order_by(q, C(audit, seq));
	r = orm_cursor_open(s, q, T(audit), &c);
	orm_query_free(q);
	if (r)
		return store_condition_of(r, s, ret_fault);
	while (!told && (r = orm_cursor_next(c, &row)) == 0)
		told = step(w, row);
	if (!told && r != ORM_E_END)
		told = store_condition_of(r, s, ret_fault);
	orm_cursor_close(c);
	return told;
}

int store_chain_walk(struct orm_session *s, struct store_audit_state *ret_state,
		     struct store_fault *ret_fault)
{
	struct walk w = {.state = ret_state};
	int r = store_head_read(s, &w.head, false);

	if (r)
		return store_condition_of(r, s, ret_fault);
	memcpy(w.hash, w.head.cut_hash, STORE_HASH_LEN);
	w.seq = w.head.cut_seq;
	ret_state->cut_seq = w.head.cut_seq;
	ret_state->first_seq = w.head.cut_seq + 1;
	r = walk(s, &w, ret_fault);
	ret_state->last_seq = w.seq;
	memcpy(ret_state->head, w.hash, STORE_HASH_LEN);
	return r ? r : finish(&w);
}

int store_audit_verify(struct store *st, struct store_audit_state *ret_state,
		       struct store_fault *ret_fault)
{
	/* Head and records of one moment, while others append. */
	static const struct orm_tx_options snapshot = {
		.isolation = ORM_REPEATABLE_READ,
		.read_only = true,
	};
	struct store_audit_state state = {0};
	struct orm_session *s;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	r = orm_begin(s, &snapshot);
	if (r) {
		r = store_condition_of(r, s, ret_fault);
	} else {
		r = store_chain_walk(s, &state, ret_fault);
		orm_rollback(s);
	}
	orm_session_close(s);
	if (!r || r == STORE_BROKEN)
		*ret_state = state;
	return r;
}
