// SPDX-License-Identifier: AGPL-3.0-or-later
/* A store from one database to the other: the target's tables are made here, the ORM copies. */
#include <user/store/inside.h>
#include <user/store/move.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * A copy that goes on makes the target what the source is, and so does one to where the source came
 * from. Where the target has become the store
 * since then, that would take back what was acknowledged there: its audit chain tells, which goes
 * on from the source's own when it was written to.
 */
static int own_acts(const struct store_head *target, struct store_fault *ret_fault)
{
	char text[160];

	snprintf(text, sizeof(text),
		 "its audit, up to record %lld, is not the source's: it has acts of its own, which "
		 "a copy would take back",
		 (long long)target->seq);
	store_fault_set(ret_fault, 0, text);
	return STORE_NOT_EMPTY;
}

/* *ret_ours: the target's chain is the beginning of the source's. */
static int compare_chains(struct orm_session *source, const struct store_head *target,
			  bool *ret_ours, struct store_fault *ret_fault)
{
	struct store_head head;
	struct audit row;
	struct orm_query *q;
	int r = store_head_read(source, &head, false);

	if (r)
		return store_condition_of(r, source, ret_fault);
	if (target->seq > head.seq)
		return own_acts(target, ret_fault);
	q = orm_select(source, T(audit));
	orm_where(q, orm_eq(C(audit, seq), V(target->seq)));
	r = orm_first(source, q, T(audit), &row);
	orm_query_free(q);
	if (r == ORM_E_END) /* retention took it away */
		return 0;
	if (r)
		return store_condition_of(r, source, ret_fault);
	if (row.hash.len == STORE_HASH_LEN &&
	    memcmp(row.hash.data, target->hash, STORE_HASH_LEN) == 0) {
		*ret_ours = true;
		return 0;
	}
	return own_acts(target, ret_fault);
}

static int compare_with(const char *from_url, const struct store_head *target, bool *ret_ours,
			struct store_fault *ret_fault)
{
	static const struct orm_options options = {.read_only = 1, .application_name = "strazh"};
	struct orm_error error = {0};
	struct orm_session *s;
	struct orm *db;
	int r = orm_open(from_url, &options, &db, &error);

	if (r) {
		store_fault_set(ret_fault, r, error.text[0] ? error.text : orm_class_text(r));
		return r == -ENOMEM ? r : STORE_DOWN;
	}
	r = orm_session_open(db, &s);
	if (r) {
		r = store_condition_of(r, NULL, ret_fault);
	} else {
		r = compare_chains(s, target, ret_ours, ret_fault);
		orm_session_close(s);
	}
	orm_close(db);
	return r;
}

static int make_target(const char *from_url, const char *url, bool *ret_ours,
		       struct store_fault *ret_fault)
{
	static const struct store_options options = {.retain_every_ms = -1};
	struct store_head head = {0};
	struct orm_session *s;
	struct store *st;
	int r = store_new(url, &options, &st, ret_fault);

	if (r)
		return r;
	r = store_reader(st, &s, ret_fault);
	if (!r) {
		r = store_condition_of(store_head_read(s, &head, false), s, ret_fault);
		orm_session_close(s);
	}
	store_close(st, NULL);
	return !r && head.seq ? compare_with(from_url, &head, ret_ours, ret_fault) : r;
}

/* The first difference, for a person. */
static void say_difference(const struct orm_copy_report *report, struct store_fault *ret_fault)
{
	char text[256] = "the copy is behind: the source is being written";

	for (size_t i = 0; i < report->count; i++) {
		const struct orm_copy_line *line = &report->lines[i];

		if (!line->missing && !line->changed && !line->gone)
			continue;
		snprintf(text, sizeof(text), "table '%s' differs: %s", line->table, line->key[0]);
		break;
	}
	store_fault_set(ret_fault, 0, text);
}

static int judge(int r, const struct orm_error *error, struct store_fault *ret_fault)
{
	store_fault_set(ret_fault, r, error->text[0] ? error->text : orm_class_text(r));
	if (r < 0)
		return r;
	return r == ORM_E_SCHEMA || r == ORM_E_STATE ? STORE_NOT_EMPTY : STORE_DOWN;
}

int store_copy(const char *from_url, const char *to_url, bool final,
	       struct store_copied *ret_copied, struct store_fault *ret_fault)
{
	return store_copy_while(from_url, to_url, final, NULL, NULL, ret_copied, ret_fault);
}

int store_copy_while(const char *from_url, const char *to_url, bool final,
		     int (*progress)(void *data, const struct orm_copy_progress *), void *data,
		     struct store_copied *ret_copied, struct store_fault *ret_fault)
{
	const char *names[STORE_TABLE_COUNT];
	struct store_copied copied = {0};
	struct orm_copy_job job = {
		.from = from_url,
		.to = to_url,
		.mode = final ? ORM_COPY_FINAL : ORM_COPY_ONLINE,
		.tables = names,
		.table_count = STORE_TABLE_COUNT,
		.progress = progress,
		.data = data,
	};
	struct orm_copy_report *report = NULL;
	struct orm_error error = {0};
	int r = make_target(from_url, to_url, &job.force, ret_fault);

	if (r)
		return r;
	for (unsigned i = 0; i < STORE_TABLE_COUNT; i++)
		names[i] = store_table_at(i).table->name;
	r = orm_copy_run(&job, &report, &error);
	if (r) {
		r = judge(r, &error, ret_fault);
	} else {
		for (size_t i = 0; i < report->count; i++)
			copied.rows += report->lines[i].rows;
		copied.equal = final && report->done;
		*ret_copied = copied;
		if (!report->done) {
			say_difference(report, ret_fault);
			r = STORE_BROKEN;
		}
	}
	orm_copy_report_free(report);
	return r;
}
